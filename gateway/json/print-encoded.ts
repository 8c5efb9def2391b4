import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { JsonWriter } from "./json-writer.ts";
import { isPlainMessage } from "./plain-message.ts";
import { messagePrinters } from "./print-message.ts";
import { valuePrinter } from "./print-value.ts";
import type { Print, PrintingOptions } from "./printing.ts";
import { UNUSUAL } from "./unusual.ts";
import { tagOf, WireReader } from "./wire-reader.ts";

/** Prints an encoded message as ProtoJSON, in UTF-8; undefined for what has to be looked at more closely. */
export type PrintEncoded = (message: Uint8Array) => Buffer | undefined;

/**
 * Compiles the way from a message's encoding to its JSON, without a message between. It takes what is usual, and prints it
 * as protobuf-es would: fields out of the order of their numbers or given twice, extensions, groups and whatever is wrong
 * have to go through a message. Undefined for a message that only protobuf-es knows how to print.
 */
export function compilePrintEncoded(message: DescMessage, options: PrintingOptions): PrintEncoded | undefined {
  const print = messagePrinters(options).messagePrinter(message);
  return print && printWhole(print);
}

/**
 * Compiles the same for the value of one field of a message: where the encoding holds that field, once, and nothing else.
 * Undefined for lists and maps.
 */
export function compilePrintOnly(field: DescField, options: PrintingOptions): PrintEncoded | undefined {
  const { parent, number, fieldKind } = field;
  if (!isPlainMessage(parent) || fieldKind === "list" || fieldKind === "map") return undefined;
  const { wireType, print } = valuePrinter(field, messagePrinters(options));
  const tag = tagOf(number, wireType);
  return printWhole((reader, json, end) => {
    if (!reader.pass(tag, end) || reader.high !== 0) throw UNUSUAL;
    print(reader, json, end);
    if (reader.at !== end) throw UNUSUAL;
  });
}

function printWhole(print: Print): PrintEncoded {
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
