import { STATUS_CODES } from "node:http";
import type { JsonValue, Registry } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { CodeSchema } from "#gen/google/rpc/code_pb.ts";
import { BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";
import { readAccept } from "./accept.ts";
import { detailsJson, httpStatusOf, statusJson } from "./error-status.ts";

/**
 * The forms that an error has by REST: google.rpc.Status, the same inside `error` with the HTTP status as its code
 * (AIP-193), and a problem (RFC 9457).
 */
export const errorDialects = ["status", "aip-193", "problem"] as const;
export type ErrorDialect = (typeof errorDialects)[number];

/** The body of an error and its media type. */
export interface ErrorBody {
  readonly contentType: string;
  readonly json: JsonValue;
}

/** Media types of the dialects that have their own. */
export const problemType = "application/problem+json";
const aip193Profile = "https://google.aip.dev/193";
export const aip193Type = `application/json; profile="${aip193Profile}"`;

const printers: Record<ErrorDialect, (error: ConnectError, registry: Registry) => ErrorBody> = {
  status: (error, registry) => ({ contentType: "application/json", json: statusJson(error, registry) }),
  "aip-193": aip193,
  problem,
};

/**
 * The dialect that a client asks for by its Accept header: `application/problem+json`, or
 * `application/json; profile="https://google.aip.dev/193"`; of both the one with more weight. Else `standard`.
 */
export function dialectOf(accept: string | undefined, standard: ErrorDialect): ErrorDialect {
  if (accept === undefined) return standard;
  let best: { dialect: ErrorDialect; quality: number } | undefined;
  for (const { type, parameters, quality } of readAccept(accept)) {
    const dialect =
      type === problemType ? "problem" : parameters.includes(`profile="${aip193Profile}"`) ? "aip-193" : undefined;
    if (dialect && quality > (best?.quality ?? 0)) best = { dialect, quality };
  }
  return best?.dialect ?? standard;
}

/** Prints an error in a dialect. A detail of an unknown type keeps its bytes. */
export function printError(error: ConnectError, registry: Registry, dialect: ErrorDialect): ErrorBody {
  return printers[dialect](error, registry);
}

function aip193(error: ConnectError, registry: Registry): ErrorBody {
  return {
    contentType: aip193Type,
    json: {
      error: {
        code: httpStatusOf(error),
        message: error.rawMessage,
        status: codeName(error),
        details: detailsJson(error, registry),
      },
    },
  };
}

/** "about:blank": the status says what kind of problem it is, and the members besides say the rest. */
function problem(error: ConnectError, registry: Registry): ErrorBody {
  const status = httpStatusOf(error);
  const violations = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  const errors = violations.map(({ field, description }) => ({ field, detail: description }));
  return {
    contentType: problemType,
    json: {
      type: "about:blank",
      title: STATUS_CODES[status] ?? codeName(error),
      status,
      detail: error.rawMessage,
      code: codeName(error),
      ...(errors.length > 0 && { errors }),
      details: detailsJson(error, registry),
    },
  };
}

/** "NOT_FOUND" for Code.NotFound: both enums number the codes of gRPC. */
function codeName({ code }: ConnectError): string {
  return CodeSchema.value[code]?.name ?? String(code);
}
