import { badField } from "../http/edge-error.ts";
import { type Exchange, headerOf } from "../http/exchange.ts";

const header = "idempotency-key";
const text = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"$/;
const bare = /^[\x21\x23-\x2b\x2d-\x7e]{1,255}$/;

/**
 * Reads Idempotency-Key, undefined for none: a string as draft-ietf-httpapi-idempotency-key-header-07 has it, with double
 * quotes, or the same without, as many clients send it. Throws 400 for anything else.
 */
export function readIdempotencyKey({ request }: Exchange): string | undefined {
  const value = headerOf(request, header);
  if (value === undefined) return undefined;
  const quoted = text.exec(value)?.[1]?.replaceAll(/\\(.)/g, "$1");
  if (quoted !== undefined) return quoted;
  if (bare.test(value)) return value;
  throw badField("header", header, 'it must be one text of 1 to 255 characters, such as "8e03978e-40d5"');
}
