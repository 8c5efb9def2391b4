import { StatusSchema } from "#gen/google/rpc/status_pb.ts";
import { aip193Type, type ErrorDialect, problemType } from "../http/error-dialect.ts";
import type { Schemas } from "./message-schema.ts";
import type { Schema } from "./value-schema.ts";

/** The forms of an error by media type, `standard` being the one of clients that ask for none. */
export function errorContent(standard: ErrorDialect, schemas: Schemas): Schema {
  const status = schemas.message(StatusSchema);
  return {
    ...(standard === "status" && { "application/json": { schema: status } }),
    [problemType]: { schema: { $ref: "#/components/schemas/Problem" } },
    [aip193Type]: { schema: { $ref: "#/components/schemas/Error" } },
  };
}

/** Schemas of the forms that are no Protobuf message. */
export const errorSchemas: Schema = {
  Problem: {
    description: "An error as RFC 9457 has it, for clients that accept application/problem+json.",
    type: "object",
    required: ["type", "title", "status", "detail", "code"],
    properties: {
      type: { type: "string" },
      title: { type: "string", description: "Name of the status." },
      status: { type: "integer", description: "HTTP status." },
      detail: { type: "string", description: "What went wrong, for a developer." },
      code: { type: "string", description: "Name of the google.rpc.Code." },
      errors: {
        type: "array",
        description: "The fields at fault.",
        items: { type: "object", properties: { field: { type: "string" }, detail: { type: "string" } } },
      },
      details: { type: "array", items: { type: "object", additionalProperties: true } },
    },
  },
  Error: {
    description: "An error as AIP-193 has it, for clients that accept application/json with its profile.",
    type: "object",
    required: ["error"],
    properties: {
      error: {
        type: "object",
        required: ["code", "message", "status"],
        properties: {
          code: { type: "integer", description: "HTTP status." },
          message: { type: "string", description: "What went wrong, for a developer." },
          status: { type: "string", description: "Name of the google.rpc.Code." },
          details: { type: "array", items: { type: "object", additionalProperties: true } },
        },
      },
    },
  },
};
