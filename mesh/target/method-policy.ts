import type { DescMethod, Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { type CallPolicy, callPolicyOf } from "#mesh/contract";

const policies = new WeakMap<DescMethod, CallPolicy>();

/** How a method is called, read once. Throws a ContractError when its contract is at odds with itself. */
export function policyOf(method: DescMethod): CallPolicy {
  const known = policies.get(method);
  if (known) return known;
  const policy = callPolicyOf(method);
  policies.set(method, policy);
  return policy;
}

/** Value of the field by which the method's calls keep to one endpoint; undefined where the contract names none. */
export function affinityOf(method: DescMethod, message: Message): string | undefined {
  const field = policyOf(method).balance.affinity;
  return field && String(reflect(method.input, message).get(field));
}
