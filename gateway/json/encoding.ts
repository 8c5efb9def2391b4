import type { DescMessage, Registry } from "@bufbuild/protobuf";
import type { EncodeValue } from "./encode-scalar.ts";

/** How JSON is read: options of protobuf-es's fromJson. */
export interface EncodingOptions {
  /** Whether members that no field has are passed over; else they are unusual. */
  readonly ignoreUnknownFields: boolean;
  /** Messages that an Any may hold. */
  readonly registry: Registry;
  /** How deep JSON may nest. Default: 50; what is deeper is unusual, too. */
  readonly maxDepth?: number;
}

/** What the encoders of one kind of request share. */
export interface Encoding {
  readonly options: EncodingOptions;
  /** Writes the fields of a message; undefined where only protobuf-es knows how. */
  messageEncoder(message: DescMessage): EncodeValue | undefined;
}
