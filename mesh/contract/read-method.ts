import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { http } from "#gen/google/api/annotations_pb.ts";
import type { HttpRule } from "#gen/google/api/http_pb.ts";
import { type Access, Audience, policy } from "#gen/heddle/v1/policy_pb.ts";
import { effect, on, timer } from "#gen/heddle/v1/saga_pb.ts";
import type { CommandContract, MethodContract, MethodPolicy, ParticipantContract } from "./contract.ts";
import type { EventIndex } from "./event-index.ts";
import type { Faults } from "./faults.ts";
import { readCaching } from "./read-caching.ts";
import { readCallPolicy } from "./read-call-policy.ts";
import { readDeprecation } from "./read-deprecation.ts";
import { readMoves, readStates } from "./read-moves.ts";
import { readRateLimits } from "./read-rate-limits.ts";
import { readResume } from "./read-resume.ts";

/** What the reading of a method needs to know about the rest of the contract. */
export interface MethodSurroundings {
  readonly events: EventIndex;
  readonly participant: ParticipantContract | undefined;
  readonly faults: Faults;
}

/** Reads and checks the options of a served method. */
export function readMethod(method: DescMethod, around: MethodSurroundings): MethodContract | undefined {
  const { events, faults } = around;
  const read = readMethodPolicy(method, faults);
  const { emits } = getOption(method, policy);
  const command = hasOption(method, on) ? readCommand(method, around) : undefined;
  if (method.idempotency === IdempotencyLevel.NO_SIDE_EFFECTS && (command || emits.length > 0)) {
    faults.add(method, "a method with NO_SIDE_EFFECTS announces events", "drop idempotency_level or the events");
  }
  return read && { ...read, emits: emits.flatMap((name) => events.find(name, method) ?? []), command };
}

/** Reads and checks who may call a method, for how long, and on which routes. */
export function readMethodPolicy(method: DescMethod, faults: Faults): MethodPolicy | undefined {
  if (hasOption(method, timer) || hasOption(method, effect)) {
    faults.add(method, "a served method cannot be a timer or an effect", "move it to the service of reactions");
  }
  const { access } = getOption(method, policy);
  if (!access || !namesAnyone(access)) {
    faults.add(method, "it says nowhere who may call it", "add option (heddle.v1.policy).access");
    return undefined;
  }
  const calls = readCallPolicy(method, faults);
  const resume = readResume(method, faults);
  const deprecation = readDeprecation(method, faults);
  const rateLimits = readRateLimits(method, faults);
  const caching = readCaching(method, faults);
  const edge = { http: httpRulesOf(method), resume, deprecation, rateLimits, caching };
  return { method, access, deadlineMs: calls.deadlineMs, calls, ...edge };
}

function namesAnyone(access: Access): boolean {
  return access.audience !== Audience.UNSPECIFIED || access.roles.length > 0 || access.services.length > 0;
}

function readCommand(
  method: DescMethod,
  { events, participant, faults }: MethodSurroundings,
): CommandContract | undefined {
  const option = getOption(method, on);
  if (!participant || option.saga !== participant.saga) {
    faults.add(method, `this service takes no part in saga "${option.saga}"`, "name the saga of its participant");
    return undefined;
  }
  if (option.parkedIn.length > 0 || option.fanOut || option.critical || option.ordered) {
    faults.add(
      method,
      "a command can neither be parked nor fan out, nor is it a critical or ordered delivery",
      "use moves and ignored_in",
    );
  }
  const moves = readMoves(option.moves, { method, participant, events, faults });
  const ignoredIn = readStates(option.ignoredIn, { method, participant, faults });
  return { saga: option.saga, moves, ignoredIn };
}

/** Returns the method's google.api.http rule followed by its additional bindings. */
export function httpRulesOf(method: DescMethod): HttpRule[] {
  if (!hasOption(method, http)) return [];
  const rule = getOption(method, http);
  return [rule, ...rule.additionalBindings];
}
