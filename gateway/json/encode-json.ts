import { isUtf8 } from "node:buffer";
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { fieldEncoder, messageEncoders } from "./encode-message.ts";
import type { EncodeValue } from "./encode-scalar.ts";
import type { EncodingOptions } from "./encoding.ts";
import { isPlainMessage } from "./plain-message.ts";
import { scanJson } from "./scan-json.ts";
import { MOST_LEVELS } from "./unusual.ts";
import { WireWriter } from "./wire-writer.ts";

/** Encodes JSON; undefined for what is no message, or has to be looked at more closely. */
export type EncodeJson = (json: Buffer) => Buffer | undefined;

/**
 * Compiles the way from ProtoJSON to the encoding of a message, without a message between. It takes what is usual, and
 * encodes it as protobuf-es would, but for the order of fields: nulls, numbers in strings, names given twice and whatever
 * is wrong have to go through a message. Undefined for a message that only protobuf-es knows how to read.
 */
export function compileEncodeJson(message: DescMessage, options: EncodingOptions): EncodeJson | undefined {
  const encode = messageEncoders(options).messageEncoder(message);
  return encode && encodeWhole(encode, options);
}

/**
 * Compiles the same for a message of which the JSON is one field's value, and which holds nothing else. Undefined for a
 * field of a message that only protobuf-es knows how to read.
 */
export function compileEncodeField(field: DescField, options: EncodingOptions): EncodeJson | undefined {
  if (!isPlainMessage(field.parent)) return undefined;
  return encodeWhole(fieldEncoder(field, messageEncoders(options)), options);
}

function encodeWhole(encode: EncodeValue, options: EncodingOptions): EncodeJson {
  const mostLevels = Math.min(options.maxDepth ?? MOST_LEVELS, MOST_LEVELS);
  return (json) => {
    try {
      if (!isUtf8(json)) return undefined;
      const text = json.toString();
      const { levels, members } = scanJson(text);
      // Before it is parsed: a few megabytes of brackets would take hundreds of them, and half a second.
      if (levels > mostLevels) return undefined;
      const parsed: unknown = JSON.parse(text);
      // JSON.parse keeps the last of members with the same name.
      if (members !== countMembers(parsed)) return undefined;
      encode(parsed, writer);
      return writer.take();
    } catch {
      writer.cut(0);
      return undefined;
    }
  };
}

/** One is enough: nobody waits while a message is encoded. */
const writer = new WireWriter();

function countMembers(json: unknown): number {
  if (typeof json !== "object" || json === null) return 0;
  let members = 0;
  if (Array.isArray(json)) {
    for (const element of json) members += countMembers(element);
    return members;
  }
  for (const name in json) members += 1 + countMembers((json as Record<string, unknown>)[name]);
  return members;
}
