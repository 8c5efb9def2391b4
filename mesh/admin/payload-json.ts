import { type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { redact } from "#mesh/telemetry";

/** An event as JSON, sensitive fields redacted. Only what a descriptor explains is shown: other bytes might hold anything. */
export function payloadJson(desc: DescMessage | undefined, payload: Uint8Array): string {
  if (!desc) return "";
  try {
    return JSON.stringify(redact(desc, fromBinary(desc, payload)));
  } catch {
    // An event that is no message of its type: whoever could not take it in says so.
    return "";
  }
}
