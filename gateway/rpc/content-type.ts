/** How a call by rpc path is spoken. */
export interface Dialect {
  readonly protocol: "connect" | "grpc" | "grpc-web";
  /** Whether messages come in frames; a unary call of Connect has them bare. */
  readonly framed: boolean;
  /** Whether messages are ProtoJSON instead of encoded. */
  readonly json: boolean;
  /** Whether all of it is base64, for browsers that cannot read bytes. */
  readonly text: boolean;
  /** Content type of the answer. */
  readonly contentType: string;
}

const dialects = new Map<string, Dialect>();

function add(
  protocol: Dialect["protocol"],
  form: { framed?: boolean; text?: boolean },
  types: readonly string[],
): void {
  const { framed = true, text = false } = form;
  for (const type of types) {
    const contentType = /[+/](?:json|proto)$/.test(type) ? type : `${type}+proto`;
    dialects.set(type, { protocol, framed, text, json: type.endsWith("json"), contentType });
  }
}

add("connect", { framed: false }, ["application/json", "application/proto"]);
add("connect", {}, ["application/connect+json", "application/connect+proto"]);
add("grpc", {}, ["application/grpc", "application/grpc+proto", "application/grpc+json"]);
add("grpc-web", {}, ["application/grpc-web", "application/grpc-web+proto", "application/grpc-web+json"]);
add("grpc-web", { text: true }, ["application/grpc-web-text", "application/grpc-web-text+proto"]);

/** The dialect of a content type; undefined for none, and for JSON in another charset than UTF-8. */
export function dialectOf(contentType: string | undefined): Dialect | undefined {
  if (contentType === undefined) return undefined;
  const plain = dialects.get(contentType);
  if (plain) return plain;
  const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))?.slice("charset=".length);
  return charset === undefined || /^"?utf-?8"?$/.test(charset) ? dialects.get(type) : undefined;
}

/** Content types that a method takes, for Accept-Post. */
export function acceptedTypes(unary: boolean): string {
  const connect = unary ? "application/json, application/proto" : "application/connect+json, application/connect+proto";
  return `${connect}, application/grpc-web+proto, application/grpc-web+json, application/grpc-web-text, application/grpc`;
}
