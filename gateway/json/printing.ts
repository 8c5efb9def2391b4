import type { DescMessage, Registry } from "@bufbuild/protobuf";
import type { JsonWriter } from "./json-writer.ts";
import type { WireReader } from "./wire-reader.ts";

/** How messages are printed: options of protobuf-es's toJson. */
export interface PrintingOptions {
  /** Whether fields without presence are printed that hold their default value. */
  readonly alwaysEmitImplicit: boolean;
  /** Whether members are spelled as in the proto. */
  readonly useProtoFieldName: boolean;
  /** Whether enum values are printed by number. */
  readonly enumAsInteger: boolean;
  /** Messages that an Any may hold, and extensions. */
  readonly registry: Registry;
}

/** Prints what the reader has come to; `end` is where the message ends that it is in. */
export type Print = (reader: WireReader, json: JsonWriter, end: number) => void;

/** How the values of a field are printed, one by one. */
export interface ValuePrinter {
  readonly wireType: number;
  readonly print: Print;
  /** JSON of the default value; of a message none. */
  readonly zero: string;
}

/** What the printers of one kind of answer share. */
export interface Printing {
  readonly options: PrintingOptions;
  /** Prints the fields of a message; undefined where only protobuf-es knows how. */
  messagePrinter(message: DescMessage): Print | undefined;
}
