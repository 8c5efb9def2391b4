import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { policy } from "#gen/heddle/v1/policy_pb.ts";
import type { DeprecationContract } from "./contract.ts";
import type { Faults } from "./faults.ts";

/** Reads and checks since when a method is deprecated, until when it is served, and what takes its place. */
export function readDeprecation(method: DescMethod, faults: Faults): DeprecationContract | undefined {
  const { deprecation } = getOption(method, policy);
  if (!deprecation) return undefined;
  if (!method.deprecated) {
    faults.add(method, "deprecation is said of a method that is not deprecated", "add option deprecated = true");
  }
  const since = dateOf(deprecation.since);
  const sunset = deprecation.sunset === "" ? undefined : dateOf(deprecation.sunset);
  if (since === undefined) faults.add(method, `deprecation.since "${deprecation.since}" is no date`, dateMend);
  if (deprecation.sunset !== "" && sunset === undefined) {
    faults.add(method, `deprecation.sunset "${deprecation.sunset}" is no date`, dateMend);
  }
  if (since && sunset && sunset < since) {
    faults.add(method, "deprecation.sunset is before deprecation.since", "exchange them");
  }
  return since && { since, sunset, successor: deprecation.successor };
}

const dateMend = "write a date such as 2026-11-30";

/** Midnight in UTC at which a day begins; undefined for a day that no calendar has. */
function dateOf(text: string): Date | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text) ? date : undefined;
}
