import { create, type DescMessage, fromBinary, type Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Validator, type Violation } from "@bufbuild/protovalidate";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";
import { StartError } from "#mesh/process";
import { requireNoNulText } from "./nul-text.ts";

/** More violations than a person would read, and about what fits into trailers. */
const MAX_VIOLATIONS = 30;

/**
 * Reads a request, and checks it against the buf.validate rules of its fields. Throws ConnectError InvalidArgument for
 * bytes that are no such message, and with google.rpc.BadRequest for one that breaks the rules.
 */
export type ReadRequest = (bytes: Buffer) => Message;

/**
 * Creates what makes the readers of a server's requests. Making one compiles the rules of the message, so that the first
 * call need not (tens of milliseconds), and throws a StartError for a rule that does not compile.
 */
export function requestReaders(): (desc: DescMessage) => ReadRequest {
  const validator = createValidator();
  return (desc) => {
    compileRules(validator, desc);
    return (bytes) => {
      const message = decode(desc, bytes);
      // Looking for the byte first spares nearly every request the walk through its fields.
      if (bytes.includes(0)) requireNoNulText(desc, message);
      const result = validator.validate(desc, message);
      if (result.kind === "valid") return message;
      throw result.kind === "invalid" ? invalid(result.violations) : result.error;
    };
  };
}

function compileRules(validator: Validator, desc: DescMessage): void {
  const result = validator.validate(desc, create(desc));
  if (result.kind !== "error" || result.error.name === "RuntimeError") return;
  const mend = "mend the rule in the contract and run `npm run gen`";
  throw new StartError(`${desc.file.proto.name}: ${desc.typeName}: ${result.error.message}. To mend it: ${mend}.`);
}

function decode(desc: DescMessage, bytes: Buffer): Message {
  try {
    return fromBinary(desc, bytes);
  } catch (cause) {
    const message = `the request is no valid ${desc.typeName}`;
    throw new ConnectError(message, Code.InvalidArgument, undefined, undefined, cause);
  }
}

function invalid(violations: readonly Violation[]): ConnectError {
  const fieldViolations = violations.slice(0, MAX_VIOLATIONS).map((violation) => ({
    field: pathToString(violation.field),
    description: violation.message,
    reason: violation.ruleId.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_"),
  }));
  const told = fieldViolations
    .slice(0, 3)
    .map(({ field, description }) => (field ? `${field}: ${description}` : description));
  const more = violations.length > 3 ? ` and ${violations.length - 3} more` : "";
  const message = `the request is not valid: ${told.join("; ")}${more}`;
  return new ConnectError(message, Code.InvalidArgument, undefined, [
    { desc: BadRequestSchema, value: { fieldViolations } },
  ]);
}
