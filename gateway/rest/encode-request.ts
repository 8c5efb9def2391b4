import { type DescMessage, toBinary } from "@bufbuild/protobuf";
import { compileEncodeField, compileEncodeJson, type EncodeJson } from "../json/encode-json.ts";
import { numbersOf, onlyFields } from "../json/only-fields.ts";
import { type Bind, type BindingRule, type HttpParts, takesRawBody } from "./bind.ts";

/** Makes the encoded request. Throws as Bind does. */
export type Encode = (parts: HttpParts) => Uint8Array;

/**
 * Compiles the way from an HTTP request to an encoded one. JSON is encoded without a message between, and what `bind` makes
 * of path and query is added: two encodings of a message, one after the other, are one. Where they could have something to
 * do with each other, or something is wrong, `bind` makes the whole request.
 */
export function compileEncode(request: DescMessage, rule: BindingRule, bind: Bind): Encode {
  const encodeBody = compileEncodeBody(request, rule);
  const bodyIsAll = rule.variables.length === 0;
  return (parts) => {
    const body = parts.body && encodeBody?.(parts.body);
    if (body === undefined) return toBinary(request, bind(parts));
    if (bodyIsAll && parts.query === "") return body;
    return Buffer.concat([body, toBinary(request, bind({ ...parts, body: undefined }))]);
  };
}

/** Encodes a body that says nothing of what the path says, or the query. Undefined where none can be sure of that. */
function compileEncodeBody(request: DescMessage, rule: BindingRule): EncodeJson | undefined {
  const { method, body, registry, maxDepth, variables } = rule;
  const options = { ignoreUnknownFields: rule.unknownJsonFields === "discard", registry, maxDepth };
  const inPath = new Set(variables.flatMap(({ parents, field }) => numbersOf(parents[0] ?? field)));
  if (takesRawBody(request, body)) return undefined;
  if (body === "*") {
    const encode = compileEncodeJson(request, options);
    return encode && inPath.size > 0 ? apartFrom(inPath, encode) : encode;
  }
  const field = request.fields.find(({ name }) => name === body);
  // The mask of a PATCH is made of the body's keys, and the query may set other members of a oneof.
  if (field === undefined || method === "PATCH" || field.oneof || inPath.has(field.number)) return undefined;
  return compileEncodeField(field, options);
}

function apartFrom(numbers: ReadonlySet<number>, encode: EncodeJson): EncodeJson {
  return (json) => {
    const encoded = encode(json);
    return encoded && onlyFields(encoded, numbers).length > 0 ? undefined : encoded;
  };
}
