import { create, type DescMethod, type DescService, hasOption } from "@bufbuild/protobuf";
import { AccessSchema, Audience, policy } from "#gen/heddle/v1/policy_pb.ts";
import { callPolicyOf, type MethodPolicy, readPolicies } from "#mesh/contract";
import type { RulesOf } from "./http-rules.ts";
import { selects } from "./selector.ts";

/** What holds for methods whose contract says nothing of it. */
export interface ForeignPolicy {
  /** Whether people have to be signed in. */
  readonly signedIn: boolean;
  /** Selectors of methods that are open in spite of that. */
  readonly open: readonly string[];
  /** Longest duration of a call, in milliseconds. */
  readonly deadlineMs: number;
  /** The same for methods with a stream; Infinity for no limit. */
  readonly streamDeadlineMs: number;
}

/**
 * The policies of services: what Heddle's contracts say, and for all others the given one. `idempotency_level` decides
 * for both what is tried again and what may be called by GET.
 * Throws a ContractError that lists the faults of Heddle's contracts.
 */
export function policiesOf(services: readonly DescService[], foreign: ForeignPolicy, rulesOf: RulesOf): MethodPolicy[] {
  const ours = readPolicies(services.filter(isHeddles));
  return services
    .flatMap(({ methods }) => methods)
    .map((method) => ({ ...(ours.get(method) ?? foreignPolicy(method, foreign)), http: rulesOf(method) }));
}

/** Whether Heddle's options say who may call a service. */
export function isHeddles({ methods }: DescService): boolean {
  return methods.some((method) => hasOption(method, policy));
}

function foreignPolicy(method: DescMethod, { signedIn, open, deadlineMs, streamDeadlineMs }: ForeignPolicy) {
  const isOpen = !signedIn || open.some((selector) => selects(selector, `${method.parent.typeName}.${method.name}`));
  return {
    method,
    access: create(AccessSchema, { audience: isOpen ? Audience.PUBLIC : Audience.SIGNED_IN }),
    deadlineMs: method.methodKind === "unary" ? deadlineMs : streamDeadlineMs,
    calls: callPolicyOf(method),
    resume: undefined,
    rateLimits: [],
  };
}
