import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";
import { StartError } from "#mesh/process";
import type { ServerCall } from "../server-call.ts";
import type { Interceptor, Step } from "../step.ts";

/** More violations than a person would read, and about what fits into trailers. */
const MAX_VIOLATIONS = 30;

/** Checks messages against the buf.validate rules of their fields. */
export interface RequestValidator {
  /** Throws ConnectError InvalidArgument with google.rpc.BadRequest. */
  check(desc: DescMessage, message: Message): void;
  /**
   * Compiles the rules of a message, so that the first call need not (tens of milliseconds).
   * Throws a StartError for a rule that does not compile.
   */
  warm(desc: DescMessage): void;
}

/** Creates the validator of a server. */
export function createRequestValidator(): RequestValidator {
  const validator = createValidator();
  return {
    check(desc, message) {
      const result = validator.validate(desc, message);
      if (result.kind === "valid") return;
      throw result.kind === "invalid" ? invalid(result.violations) : result.error;
    },
    warm(desc) {
      const result = validator.validate(desc, create(desc));
      if (result.kind !== "error" || result.error.name === "RuntimeError") return;
      const mend = "mend the rule in the contract and run `npm run gen`";
      throw new StartError(`${desc.file.proto.name}: ${desc.typeName}: ${result.error.message}. To mend it: ${mend}.`);
    },
  };
}

/** Refuses requests that break the rules of their contract; of a stream, each message when its turn comes. */
export function validate(validator: RequestValidator): Interceptor {
  return (next: Step) => (call) => {
    if (call.requests) call.requests = checked(call, call.requests, validator);
    else if (call.request) validator.check(call.method.input, call.request);
    return next(call);
  };
}

async function* checked(
  call: ServerCall,
  requests: AsyncIterable<Message>,
  validator: RequestValidator,
): AsyncGenerator<Message> {
  for await (const request of requests) {
    validator.check(call.method.input, request);
    yield request;
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
