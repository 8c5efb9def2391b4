import type { DescField, DescMethod, DescService } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { type Balance, BalanceAlgorithm } from "#gen/heddle/v1/policy_pb.ts";
import type { BalanceAlgorithmName, BalancePolicy } from "./call-policy.ts";
import type { Faults } from "./faults.ts";
import { didYouMean } from "./nearest-name.ts";
import { readNumber } from "./read-number.ts";

const names: ReadonlyMap<BalanceAlgorithm, BalanceAlgorithmName> = new Map([
  [BalanceAlgorithm.UNSPECIFIED, "least_requests"],
  [BalanceAlgorithm.LEAST_REQUESTS, "least_requests"],
  [BalanceAlgorithm.ROUND_ROBIN, "round_robin"],
  [BalanceAlgorithm.RANDOM, "random"],
  [BalanceAlgorithm.WEIGHTED, "weighted"],
  [BalanceAlgorithm.RING_HASH, "ring_hash"],
]);

const subsetSize = { option: "balance.subset_size", default: 0, min: 0, max: 10_000 };
const panicThreshold = { option: "balance.panic_threshold", default: 0.5, min: 0, max: 1 };

/** Reads how an endpoint is chosen for a method. `element` is what declares it: faults point there. */
export function readBalance(
  balance: Balance | undefined,
  at: { readonly method: DescMethod; readonly element: DescMethod | DescService },
  faults: Faults,
): BalancePolicy {
  const { method, element } = at;
  const algorithm = names.get(balance?.algorithm ?? BalanceAlgorithm.UNSPECIFIED);
  if (!algorithm) faults.add(element, `there is no balance.algorithm ${balance?.algorithm}`, "name a BalanceAlgorithm");
  return {
    algorithm: algorithm ?? "least_requests",
    affinity: readAffinity(method, algorithm === "ring_hash", balance?.affinity ?? "", faults),
    subsetSize: readNumber(balance?.subsetSize, element, subsetSize, faults),
    preferZone: balance?.preferZone ?? false,
    panicThreshold: readNumber(balance?.panicThreshold, element, panicThreshold, faults),
  };
}

function readAffinity(method: DescMethod, hashes: boolean, name: string, faults: Faults): DescField | undefined {
  if (!hashes) {
    if (name)
      faults.add(method, "balance.affinity is for BALANCE_ALGORITHM_RING_HASH", "drop it or use that algorithm");
    return undefined;
  }
  const fields = method.input.fields.filter(isText);
  const field = fields.find((candidate) => candidate.name === name);
  if (field) return field;
  const candidates = fields.map((candidate) => candidate.name);
  const problem = `balance.affinity "${name}" names no string field of ${method.input.typeName}`;
  faults.add(method, problem, `name one${didYouMean(name, candidates)}`);
  return undefined;
}

function isText(field: DescField): boolean {
  return field.fieldKind === "scalar" && field.scalar === ScalarType.STRING;
}
