import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";

/** Where a refused value came from. */
export type Source = "path" | "query" | "body" | "form" | "header";

/**
 * A refusal that the gateway itself makes. It carries the HTTP status where the code alone would not name it
 * (405, 413, 415), and headers that belong to the answer, such as Allow.
 */
export class EdgeError extends ConnectError {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(message: string, code: Code, answer: { status?: number; headers?: Record<string, string> } = {}) {
    super(message, code);
    this.status = answer.status;
    this.headers = answer.headers ?? {};
  }
}

/**
 * A value that cannot be bound to the request: 400 with google.rpc.BadRequest. `field` is the path of the request
 * field in its proto spelling, as in the violations that services find. `description` says why; the source is put in
 * front of it, and the field as the client wrote it where that differs.
 */
export function badField(source: Source, field: string, description: string, written = field): EdgeError {
  const where = written === field ? source : `${source}: ${written}`;
  const error = new EdgeError(written === "" ? description : `${written}: ${description}`, Code.InvalidArgument);
  error.details.push({
    desc: BadRequestSchema,
    value: create(BadRequestSchema, { fieldViolations: [{ field, description: `${where}: ${description}` }] }),
  });
  return error;
}
