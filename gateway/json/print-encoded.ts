import type { DescMessage } from "@bufbuild/protobuf";
import { JsonWriter } from "./json-writer.ts";
import { messagePrinters } from "./print-message.ts";
import type { PrintingOptions } from "./printing.ts";
import { WireReader } from "./wire-reader.ts";

/** Prints an encoded message as ProtoJSON, in UTF-8; undefined for what has to be looked at more closely. */
export type PrintEncoded = (message: Uint8Array) => Buffer | undefined;

/**
 * Compiles the way from a message's encoding to its JSON, without a message between. It takes what is usual, and prints it
 * as protobuf-es would: fields out of the order of their numbers or given twice, extensions, groups and whatever is wrong
 * have to go through a message. Undefined for a message that only protobuf-es knows how to print.
 */
export function compilePrintEncoded(message: DescMessage, options: PrintingOptions): PrintEncoded | undefined {
  const print = messagePrinters(options).messagePrinter(message);
  if (!print) return undefined;
  return (bytes) => {
    try {
      print(new WireReader(bytes), json, bytes.length);
      return json.take();
    } catch {
      json.cut(0);
      return undefined;
    }
  };
}

/** One is enough: nobody waits while a message is printed. */
const json = new JsonWriter();
