import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { isImplicit, isPlainMessage, oneofBit } from "./plain-message.ts";
import { listPrinter, mapPrinter, packedListPrinter } from "./print-repeated.ts";
import { valuePrinter } from "./print-value.ts";
import type { Print, Printing, PrintingOptions } from "./printing.ts";
import { sharedByOptions } from "./shared-by-options.ts";
import { UNUSUAL } from "./unusual.ts";
import { tagOf, type WireReader, WireType } from "./wire-reader.ts";

/** How a field is printed that comes with one of its tags. */
interface FieldPrinter {
  /** Its place among the fields of the message, by number. */
  readonly index: number;
  /** `,"name":`. */
  readonly key: Uint8Array;
  /** One bit for each oneof of the message; 0 for a field outside. */
  readonly oneof: number;
  /** The value with which it is left out although it is there. */
  readonly omitted: Uint8Array | undefined;
  /** Prints the value; of a list or a map all of it. */
  readonly print: Print;
}

const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Compiles the printers of messages, each once: messages may hold themselves. */
export const messagePrinters = sharedByOptions((options: PrintingOptions): Printing => {
  const known = new Map<DescMessage, Print>();
  const printing: Printing = {
    options,
    messagePrinter(message) {
      if (!isPlainMessage(message)) return undefined;
      const made = known.get(message);
      if (made) return made;
      const byTag = new Map<number, FieldPrinter>();
      const print = messagePrinter(message, byTag, printing);
      known.set(message, print);
      for (const [index, field] of inOrder(message).entries()) addField(byTag, field, { index, printing });
      return print;
    },
  };
  return printing;
});

function inOrder({ fields }: DescMessage): DescField[] {
  return fields.toSorted((a, b) => a.number - b.number);
}

/** Prints fields in the order of their numbers, and between them those that are not there and have a default value. */
function messagePrinter(message: DescMessage, byTag: ReadonlyMap<number, FieldPrinter>, printing: Printing): Print {
  const fields = inOrder(message);
  const defaults = fields.map((field) => defaultText(field, printing));
  const passUnknown = unknownPasser(message);
  return (reader, json, end) => {
    let next = 0;
    let oneofs = 0;
    const start = json.length;
    /** The first key goes without its comma. */
    const comma = () => (json.length === start + 1 ? 1 : 0);
    const printDefaults = (until: number) => {
      for (; next < until; next++) {
        const text = defaults[next];
        if (text) json.raw(text, comma());
      }
    };
    json.character(OPEN);
    while (reader.at < end) {
      const tag = reader.varint();
      const field = byTag.get(tag);
      if (!field || reader.high !== 0) {
        passUnknown(reader, tag);
        continue;
      }
      if (field.index < next || oneofs & field.oneof) throw UNUSUAL;
      oneofs |= field.oneof;
      printDefaults(field.index);
      const fieldStart = json.length;
      json.raw(field.key, comma());
      const valueStart = json.length;
      field.print(reader, json, end);
      if (field.omitted && json.endsWith(field.omitted, valueStart)) json.cut(fieldStart);
      next++;
    }
    if (reader.at !== end) throw UNUSUAL;
    printDefaults(fields.length);
    json.character(CLOSE);
  };
}

/** Passes over what nobody knows. A known field of another wire type, or what may be an extension, is unusual. */
function unknownPasser({ fields, proto }: DescMessage): (reader: WireReader, tag: number) => void {
  const numbers = new Set(fields.map(({ number }) => number));
  const isExtendable = proto.extensionRange.length > 0;
  return (reader, tag) => {
    const number = tag >>> 3;
    if (isExtendable || number === 0 || numbers.has(number) || reader.high !== 0) throw UNUSUAL;
    reader.skip(tag & 7);
  };
}

function addField(
  byTag: Map<number, FieldPrinter>,
  field: DescField,
  { index, printing }: { index: number; printing: Printing },
): void {
  const { number } = field;
  const emits = printing.options.alwaysEmitImplicit;
  const shared = {
    index,
    key: Buffer.from(keyOf(field, printing)),
    oneof: oneofBit(field),
    omitted: emits || !isImplicit(field) ? undefined : Buffer.from(zeroOf(field, printing)),
  };
  const value = valuePrinter(field, printing);
  const add = (wireType: number, print: Print) => byTag.set(tagOf(number, wireType), { ...shared, print });
  if (field.fieldKind === "map") add(WireType.LENGTH_DELIMITED, mapPrinter(field, value));
  else if (field.fieldKind === "list") {
    // What has a length is never packed: its own printer takes the place of the other.
    add(WireType.LENGTH_DELIMITED, packedListPrinter(value.print));
    add(value.wireType, listPrinter(tagOf(number, value.wireType), value.print));
  } else add(value.wireType, value.print);
}

function keyOf({ name, jsonName }: DescField, { options }: Printing): string {
  return `,${JSON.stringify(options.useProtoFieldName ? name : jsonName)}:`;
}

function defaultText(field: DescField, printing: Printing): Uint8Array | undefined {
  if (!printing.options.alwaysEmitImplicit || !isImplicit(field)) return undefined;
  return Buffer.from(`${keyOf(field, printing)}${zeroOf(field, printing)}`);
}

/** JSON of a field without presence that is not there. */
function zeroOf(field: DescField, printing: Printing): string {
  if (field.fieldKind === "list") return "[]";
  return field.fieldKind === "map" ? "{}" : valuePrinter(field, printing).zero;
}
