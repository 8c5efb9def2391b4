import type { DescField } from "@bufbuild/protobuf";
import { scalarPrinter } from "./print-scalar.ts";
import type { Print, ValuePrinter } from "./printing.ts";
import { UNUSUAL } from "./unusual.ts";
import { tagOf, WireType } from "./wire-reader.ts";

const COMMA = 0x2c;
const COLON = 0x3a;
const QUOTE = 0x22;
const [OPEN_LIST, CLOSE_LIST] = [0x5b, 0x5d];
const [OPEN_MAP, CLOSE_MAP] = [0x7b, 0x7d];

/** Prints a list whose elements come one after the other, each with the field's tag. */
export function listPrinter(tag: number, print: Print): Print {
  return (reader, json, end) => {
    json.character(OPEN_LIST);
    print(reader, json, end);
    while (reader.pass(tag, end)) {
      json.character(COMMA);
      print(reader, json, end);
    }
    json.character(CLOSE_LIST);
  };
}

/** Prints a list whose elements are packed. */
export function packedListPrinter(print: Print): Print {
  return (reader, json) => {
    const end = reader.end();
    json.character(OPEN_LIST);
    for (let first = true; reader.at < end; first = false) {
      if (!first) json.character(COMMA);
      print(reader, json, end);
    }
    if (reader.at !== end) throw UNUSUAL;
    json.character(CLOSE_LIST);
  };
}

/** Prints a map whose entries come one after the other, each with another key, and the key before the value. */
export function mapPrinter(field: DescField & { fieldKind: "map" }, value: ValuePrinter): Print {
  const tag = tagOf(field.number, WireType.LENGTH_DELIMITED);
  const key = scalarPrinter(field.mapKey);
  const keyTag = tagOf(1, key.wireType);
  const valueTag = tagOf(2, value.wireType);
  const printKey = key.zero.startsWith('"') ? key.print : quoted(key.print);
  return (reader, json, end) => {
    const keys = new Set<string>();
    json.character(OPEN_MAP);
    do {
      if (keys.size > 0) json.character(COMMA);
      const entryEnd = reader.end();
      if (!reader.pass(keyTag, entryEnd)) throw UNUSUAL;
      const keyStart = json.length;
      printKey(reader, json, entryEnd);
      const text = json.from(keyStart);
      if (keys.has(text) || !reader.pass(valueTag, entryEnd)) throw UNUSUAL;
      keys.add(text);
      json.character(COLON);
      value.print(reader, json, entryEnd);
      if (reader.at !== entryEnd) throw UNUSUAL;
    } while (reader.pass(tag, end));
    json.character(CLOSE_MAP);
  };
}

function quoted(print: Print): Print {
  return (reader, json, end) => {
    json.character(QUOTE);
    print(reader, json, end);
    json.character(QUOTE);
  };
}
