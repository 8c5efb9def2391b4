import { type DescMessage, toBinary } from "@bufbuild/protobuf";
import { compileEncodeJson } from "../json/encode-json.ts";
import { type Bind, type BindingRule, type HttpParts, takesRawBody } from "./bind.ts";

/** Makes the encoded request. Throws as Bind does. */
export type Encode = (parts: HttpParts) => Uint8Array;

/**
 * Compiles the way from an HTTP request to an encoded one. JSON that is all of it is encoded without a message between;
 * what `bind` makes is encoded where there is more to bind, or to say about what is wrong.
 */
export function compileEncode(request: DescMessage, rule: BindingRule, bind: Bind): Encode {
  const { body, variables, registry, maxDepth } = rule;
  const ignoreUnknownFields = rule.unknownJsonFields === "discard";
  const wholeBody = body === "*" && variables.length === 0 && !takesRawBody(request, body);
  const encodeJson = wholeBody ? compileEncodeJson(request, { ignoreUnknownFields, registry, maxDepth }) : undefined;
  return (parts) => {
    const encoded = parts.query === "" && parts.body ? encodeJson?.(parts.body) : undefined;
    return encoded ?? toBinary(request, bind(parts));
  };
}
