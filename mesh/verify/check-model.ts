import { StepClass } from "#gen/heddle/v1/saga_pb.ts";
import type { EventContract, MoveContract } from "#mesh/contract";
import type { System } from "./discover.ts";
import type { Finding } from "./finding.ts";
import type { Model, Trigger } from "./model.ts";

/** Looks at a saga's declaration without exploring it. */
export function checkModel(model: Model): Finding[] {
  return [
    ...checkDecider(model),
    ...checkPivot(model),
    ...model.triggers.flatMap((trigger) => [...checkClasses(trigger), ...checkCounters(model, trigger)]),
    ...model.triggers.flatMap((trigger) => [...checkArbiter(model, trigger), ...checkTimer(trigger)]),
  ];
}

/** Looks at what concerns no single saga: who consumes what, and who declares which saga. */
export function checkSystem({ contracts, sagas }: System): Finding[] {
  const reactions = contracts.flatMap((contract) => contract.reactions?.events ?? []);
  const consumed = new Set(reactions.map(({ event }) => event));
  const announced = new Set<EventContract>(contracts.flatMap(({ events }) => [...events.values()]));
  const unheard = [...announced].filter((event) => !event.public && !consumed.has(event));
  const unsaid = reactions.filter(({ event }) => !announced.has(event));
  const undeclared = contracts.filter(
    ({ participant }) => participant && !sagas.some(({ name }) => name === participant.saga),
  );
  return [
    ...unheard.map(({ message }) => ({
      check: "event without consumer" as const,
      problem: `nobody consumes ${message.name}`,
      element: message,
      mend: "declare a reaction, mark the event as public or remove it",
    })),
    ...unsaid.map(({ event, method }) => ({
      check: "event without announcer" as const,
      problem: `no contract here announces ${event.message.typeName}`,
      element: method,
      mend: "add the contract that announces it or drop the reaction",
    })),
    ...undeclared.flatMap(({ participant, reactions: declared }) =>
      participant && declared
        ? [
            {
              check: "declaration" as const,
              problem: `no file declares the saga "${participant.saga}"`,
              element: declared.service,
              mend: "add a file with option (heddle.v1.saga)",
            },
          ]
        : [],
    ),
  ];
}

function checkDecider({ saga, participants }: Model): Finding[] {
  if (participants.some(({ contract }) => contract.name === saga.decider)) return [];
  const names = participants.map(({ contract }) => contract.name).join(", ") || "none";
  const problem = `the decider "${saga.decider}" takes no part in the saga`;
  return [{ check: "declaration", problem, element: saga.file, mend: `name one of its participants: ${names}` }];
}

/** One step decides, and the decider takes it. */
function checkPivot({ saga, participants, triggers }: Model): Finding[] {
  const pivots = triggers.filter(({ moves }) => moves.some(({ stepClass }) => stepClass === StepClass.PIVOT));
  const foreign = pivots.filter(({ participant }) => participants[participant]?.contract.name !== saga.decider);
  const missing: Finding[] =
    pivots.length > 0
      ? []
      : [
          {
            check: "pivot",
            problem: "no step is the pivot",
            element: saga.file,
            mend: "give one move STEP_CLASS_PIVOT",
          },
        ];
  return [
    ...missing,
    ...foreign.map(({ method }) => ({
      check: "pivot" as const,
      problem: `${method.name} takes the pivot, and ${saga.decider} decides`,
      element: method,
      mend: "let the decider take the pivot",
    })),
  ];
}

function checkClasses({ method, moves }: Trigger): Finding[] {
  return moves
    .filter(({ stepClass }) => stepClass === StepClass.UNSPECIFIED)
    .map(({ from, to }) => ({
      check: "step without class",
      problem: `the move from ${from} to ${to} does not say what it means for undoing`,
      element: method,
      mend: "set class to one of heddle.v1.StepClass",
    }));
}

function checkCounters({ saga }: Model, { method, moves }: Trigger): Finding[] {
  const known = saga.counters.map(({ name }) => name);
  const used = moves.flatMap(({ takes, gives }) => [...takes, ...gives]);
  return used
    .filter((name) => !known.includes(name))
    .map((name) => ({
      check: "declaration",
      problem: `the saga has no counter "${name}"`,
      element: method,
      mend: `name one of its counters: ${known.join(", ") || "none"}`,
    }));
}

/** Outside the decider, neither time nor a caller may choose between two ways on. */
function checkArbiter({ saga, participants, triggers }: Model, trigger: Trigger): Finding[] {
  const { kind, participant, method } = trigger;
  if ((kind !== "timer" && kind !== "command") || participants[participant]?.contract.name === saga.decider) return [];
  const others = triggers.filter((other) => other !== trigger && other.participant === participant);
  const rival = others.find(({ moves }) => moves.some((move) => trigger.moves.some((own) => isRival(own, move))));
  if (!rival) return [];
  const problem = `${method.name} and ${rival.method.name} both leave one state: two arbiters of one decision`;
  return [{ check: "two arbiters", problem, element: method, mend: `let it ask ${saga.decider} by an event` }];
}

function isRival(own: MoveContract, other: MoveContract): boolean {
  return own.from === other.from && (own.to !== other.to || own.emits !== other.emits);
}

function checkTimer({ kind, dueIn, moves, method }: Trigger): Finding[] {
  if (kind !== "timer" || moves.some(({ from, to }) => from === dueIn && to !== dueIn)) return [];
  const problem = `no move of the timer leaves ${dueIn}, so that it fires once and never again`;
  return [{ check: "timer without exit", problem, element: method, mend: "declare a move to another state" }];
}
