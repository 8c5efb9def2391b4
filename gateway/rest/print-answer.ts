import { create, type DescMessage, type JsonValue, type Message, type Registry, toJson } from "@bufbuild/protobuf";
import type { MappingRules } from "./mapping-rules.ts";

/** Prints a response message as JSON, on one line unless it is to be pretty. */
export type Print = (response: Message, pretty?: boolean) => string;

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
  const options = {
    alwaysEmitImplicit: rule.printDefaults,
    useProtoFieldName: rule.fieldNames === "proto",
    enumAsInteger: rule.enums === "number",
    registry: rule.registry,
  };
  const field = response.fields.find(({ name }) => name === rule.responseBody);
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

function isObject(json: JsonValue): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
