import { type DescMethod, fromBinary, type Message } from "@bufbuild/protobuf";
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

/** The same of an encoded message, which is read only where there is such a field; bytes that cannot be read have none. */
export function affinityOfBytes(method: DescMethod, bytes: Uint8Array): string | undefined {
  if (policyOf(method).balance.affinity === undefined) return undefined;
  try {
    return affinityOf(method, fromBinary(method.input, bytes));
  } catch {
    // The service says what is wrong with it.
    return undefined;
  }
}
