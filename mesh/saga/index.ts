export type { Decision, Moved, Participants } from "./commands.ts";
export { createSaga, type Saga } from "./create-saga.ts";
export type { SagaEvents, SagaOptions } from "./engine.ts";
export type {
  EffectContext,
  EffectHandler,
  EffectOutcome,
  ReactionContext,
  ReactionHandler,
  ReactionHandlers,
} from "./handlers.ts";
export { sagaMigrations } from "./migrations.ts";
export { type RecordedMove, readMoves, type TracedMove } from "./read-moves.ts";
export { effect, move, participant, timer } from "./schema.ts";
export { stateValue } from "./state-value.ts";
