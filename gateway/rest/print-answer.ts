import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type JsonValue,
  type Message,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { compilePrintEncoded, compilePrintOnly } from "../json/print-encoded.ts";
import type { PrintingOptions } from "../json/printing.ts";
import type { MappingRules } from "./mapping-rules.ts";

/** Prints a response message as JSON, on one line unless it is to be pretty. */
export type Print = (response: Message, pretty?: boolean) => string;

/** The same for a response that is encoded still. Throws Internal for what cannot be read. */
export type PrintResponse = (response: Uint8Array, pretty: boolean) => string | Buffer;

/** What is printed and how. */
export interface PrintingRule extends Pick<MappingRules, "printDefaults" | "fieldNames" | "enums"> {
  /** "" for the whole response, else the proto name of a field. */
  readonly responseBody: string;
  /** Messages that an Any may hold. */
  readonly registry: Registry;
}

/**
 * Compiles the ProtoJSON of a route's answers; 64-bit integers are strings. The JSON form of the field that is the
 * response body is the whole answer: an object, a list, a scalar, or null for a field that is not set.
 */
export function compilePrint(response: DescMessage, rule: PrintingRule): Print {
  const options = printingOptions(rule);
  const field = bodyField(response, rule);
  const key = field && (options.useProtoFieldName ? field.name : field.jsonName);
  const partOf = (json: JsonValue) => (isObject(json) && key !== undefined ? json[key] : json);
  // A field that holds its default value is left out of a message, yet it is the answer.
  const unset =
    key === undefined ? null : partOf(toJson(response, create(response), { ...options, alwaysEmitImplicit: true }));
  return (message, pretty = false) => {
    const json = partOf(toJson(response, message, options)) ?? unset ?? null;
    return pretty ? `${JSON.stringify(json, undefined, 2)}\n` : JSON.stringify(json);
  };
}

/** Compiles the same for responses that are encoded still: what is usual is printed without a message between. */
export function compilePrintResponse(response: DescMessage, rule: PrintingRule): PrintResponse {
  const print = compilePrint(response, rule);
  const options = printingOptions(rule);
  const field = bodyField(response, rule);
  const printEncoded = field ? compilePrintOnly(field, options) : compilePrintEncoded(response, options);
  return (bytes, pretty) => {
    const printed = pretty ? undefined : printEncoded?.(bytes);
    return printed ?? print(readResponse(response, bytes), pretty);
  };
}

/** Decodes a service's response. Throws Internal for what is none. */
export function readResponse(response: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(response, bytes);
  } catch {
    throw new ConnectError(`the service's answer is no valid ${response.typeName}`, Code.Internal);
  }
}

function bodyField({ fields }: DescMessage, { responseBody }: PrintingRule): DescField | undefined {
  return fields.find(({ name }) => name === responseBody);
}

function printingOptions({ printDefaults, fieldNames, enums, registry }: PrintingRule): PrintingOptions {
  return {
    alwaysEmitImplicit: printDefaults,
    useProtoFieldName: fieldNames === "proto",
    enumAsInteger: enums === "number",
    registry,
  };
}

function isObject(json: JsonValue): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
