import { isUtf8 } from "node:buffer";
import { type DescMethod, fromBinary, fromJsonString, type Registry, toBinary, toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { compileEncodeJson } from "../json/encode-json.ts";
import { compilePrintEncoded } from "../json/print-encoded.ts";
import { isDeeperThan } from "../json/scan-json.ts";

/** Turns messages of a method from ProtoJSON to their encoding, and back. */
export interface JsonCodec {
  /** A request. Throws InvalidArgument for what is no JSON of it; unknown fields are discarded. */
  encode(json: Uint8Array): Uint8Array;
  /** A response. Throws Internal for what is no encoding of it. */
  decode(message: Uint8Array): string | Uint8Array;
}

/** Creates the codec of a method. `registry` knows the messages that an Any may hold. */
export function createJsonCodec({ input, output }: DescMethod, registry: Registry): JsonCodec {
  const read = { registry, ignoreUnknownFields: true };
  const encodeJson = compileEncodeJson(input, read);
  const printEncoded = compilePrintEncoded(output, { ...printing, registry });
  return {
    encode(json) {
      const bytes = Buffer.from(json.buffer, json.byteOffset, json.length);
      return encodeJson?.(bytes) ?? encodeThroughMessage(bytes);
    },
    decode: (message) => printEncoded?.(message) ?? printThroughMessage(message),
  };

  function encodeThroughMessage(bytes: Buffer): Uint8Array {
    if (!isUtf8(bytes)) throw new ConnectError("the JSON is not UTF-8", Code.InvalidArgument);
    const text = bytes.toString("utf8");
    if (isDeeperThan(text, MOST_LEVELS)) {
      throw new ConnectError(`the JSON nests deeper than ${MOST_LEVELS} levels`, Code.InvalidArgument);
    }
    try {
      return toBinary(input, fromJsonString(input, text, read));
    } catch (refusal) {
      const why = refusal instanceof Error ? refusal.message : String(refusal);
      throw new ConnectError(`the JSON is no ${input.typeName}: ${why}`, Code.InvalidArgument);
    }
  }

  function printThroughMessage(message: Uint8Array): string {
    try {
      return toJsonString(output, fromBinary(output, message), { registry });
    } catch {
      throw new ConnectError(`the service's answer has no JSON of ${output.typeName}`, Code.Internal);
    }
  }
}

/**
 * What a hundred messages in one another, protobuf-es's own limit, can come to with lists, maps and Any between them. That
 * limit counts only what has been parsed, and known, by then.
 */
const MOST_LEVELS = 300;

/** What protobuf-es does where nobody says anything else. */
const printing = { alwaysEmitImplicit: false, useProtoFieldName: false, enumAsInteger: false };
