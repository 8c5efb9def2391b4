import type { DescField, DescMessage, JsonObject, JsonValue, Message } from "@bufbuild/protobuf";
import { createRegistry, getOption, hasOption, toJson } from "@bufbuild/protobuf";
import { sensitive } from "#gen/heddle/v1/event_pb.ts";

const REDACTED = "[redacted]";

/**
 * ProtoJSON of a message, for people to read, with every (heddle.v1.sensitive) field that is set replaced by
 * "[redacted]". Throws when the message holds a google.protobuf.Any of a type that its own file does not know.
 */
export function redact(desc: DescMessage, message: Message): JsonValue {
  const json = toJson(desc, message, { registry: createRegistry(desc.file, ...desc.file.dependencies) });
  redactMessage(desc, json);
  return json;
}

function redactMessage(desc: DescMessage, json: JsonValue | undefined): void {
  // The well-known types have a JSON form of their own, and nothing sensitive is declared in them.
  if (!isObject(json) || desc.typeName.startsWith("google.protobuf.")) return;
  for (const field of desc.fields) {
    if (!(field.jsonName in json)) continue;
    if (isSensitive(field)) json[field.jsonName] = REDACTED;
    else redactField(field, json[field.jsonName]);
  }
}

function redactField(field: DescField, json: JsonValue | undefined): void {
  if (!field.message) return;
  const values = field.fieldKind === "message" ? [json] : isObject(json) ? Object.values(json) : json;
  if (!Array.isArray(values)) return;
  for (const value of values) redactMessage(field.message, value);
}

function isSensitive(field: DescField): boolean {
  return hasOption(field, sensitive) && getOption(field, sensitive);
}

function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
