import { type DescEnum, getOption, hasOption } from "@bufbuild/protobuf";
import { Code } from "#gen/google/rpc/code_pb.ts";
import { error } from "#gen/heddle/v1/error_pb.ts";
import type { Faults } from "./faults.ts";

/** Checks that every reason but the zero value says how it leaves the service. */
export function checkReasons(reasons: DescEnum, faults: Faults): void {
  for (const value of reasons.values.filter(({ number }) => number !== 0)) {
    if (!hasOption(value, error)) {
      faults.add(value, "the reason has no code and message", "add option (heddle.v1.error)");
      continue;
    }
    const { code, message } = getOption(value, error);
    if (code === Code.OK || !message) faults.add(value, "a reason needs an error code and a message", "set both");
  }
}
