import { type DescMessage, type JsonValue, type Message, type Registry, toJson } from "@bufbuild/protobuf";

/** Prints a response message as the body of a REST answer. */
export type Print = (response: Message) => string;

/**
 * Compiles the ProtoJSON of a route's answers: lowerCamelCase, default values printed, 64-bit integers as strings.
 * `responseBody` is "" for the whole message or the proto name of a field, whose JSON form is then the whole answer:
 * an object, a list, a scalar, or null for a field that is not set.
 */
export function compilePrint(response: DescMessage, responseBody: string, registry: Registry): Print {
  const options = { alwaysEmitImplicit: true, registry };
  const field = response.fields.find(({ name }) => name === responseBody);
  if (field === undefined) return (message) => JSON.stringify(toJson(response, message, options));
  return (message) => {
    const json: JsonValue = toJson(response, message, options);
    const members = typeof json === "object" && json !== null && !Array.isArray(json) ? json : {};
    return JSON.stringify(members[field.jsonName] ?? null);
  };
}
