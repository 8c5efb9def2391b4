import { type DescEnum, type DescField, type DescMessage, fromBinary, toJson } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { scalarPrinter } from "./print-scalar.ts";
import { printTimestamp } from "./print-timestamp.ts";
import type { Print, Printing, ValuePrinter } from "./printing.ts";
import { MOST_LEVELS, UNUSUAL } from "./unusual.ts";
import { WireType } from "./wire-reader.ts";

/** Compiles how a value of a field, an element of a list or a value of a map is printed. */
export function valuePrinter(field: DescField, printing: Printing): ValuePrinter {
  if (field.enum) return enumPrinter(field.enum, field.fieldKind === "enum", printing);
  if (field.message) {
    return { wireType: WireType.LENGTH_DELIMITED, zero: "", print: nestedPrinter(field.message, printing) };
  }
  return scalarPrinter(field.scalar);
}

/** Numbers without a name are printed as they are. A closed enum has no others, but in lists and maps. */
function enumPrinter(desc: DescEnum, single: boolean, { options }: Printing): ValuePrinter {
  const isNull = desc.typeName === "google.protobuf.NullValue";
  const nameOf = (number: number) => {
    if (isNull) return "null";
    return options.enumAsInteger ? String(number) : JSON.stringify(desc.value[number]?.jsonName);
  };
  const names = new Map(desc.values.map(({ number }) => [number, Buffer.from(nameOf(number))]));
  const print: Print = (reader, json) => {
    const number = reader.varint() | 0;
    const name = names.get(number);
    if (name) json.raw(name);
    else if (isNull || (single && !desc.open)) throw UNUSUAL;
    else json.integer(number);
  };
  return { wireType: WireType.VARINT, zero: nameOf(desc.values[0]?.number ?? 0), print };
}

function nestedPrinter(message: DescMessage, printing: Printing): Print {
  if (message.typeName === TimestampSchema.typeName) return printTimestamp;
  const print = printing.messagePrinter(message);
  return print ? plainPrinter(print) : throughMessage(message, printing);
}

function plainPrinter(print: Print): Print {
  return (reader, json) => {
    if (++reader.level > MOST_LEVELS) throw UNUSUAL;
    const end = reader.end();
    print(reader, json, end);
    reader.level--;
  };
}

function throughMessage(message: DescMessage, { options }: Printing): Print {
  return (reader, json) => {
    const end = reader.end();
    json.text(JSON.stringify(toJson(message, fromBinary(message, reader.bytes.subarray(reader.at, end)), options)));
    reader.at = end;
  };
}
