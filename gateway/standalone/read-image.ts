import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { type FileDescriptorProto, type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { DescriptorError } from "./descriptor-error.ts";

const howTo =
  'Mend: write it with "buf build -o image.binpb", or "protoc --include_imports --include_source_info -o image.binpb".';

/**
 * Reads the files of a google.protobuf.FileDescriptorSet, as buf and protoc write it. `origin` names it in messages.
 * Throws a DescriptorError for anything else.
 */
export function readImage(bytes: Uint8Array, origin: string): FileDescriptorProto[] {
  const { file } = parse(bytes, origin);
  const nameless = file.some(({ name }) => name === "");
  if (file.length === 0 || nameless) throw new DescriptorError(origin, [`it holds no proto files. ${howTo}`]);
  return file;
}

function parse(bytes: Uint8Array, origin: string): FileDescriptorSet {
  try {
    return fromBinary(FileDescriptorSetSchema, bytes);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DescriptorError(origin, [`it is no FileDescriptorSet (${why}). ${howTo}`]);
  }
}

/** Number of buf.alpha.image.v1.ImageFile.buf_extension, and of is_import in there. */
const bufExtension = 8_042;
const isImportField = 1;

/** Whether buf marks a file as there only because others import it. protoc marks nothing. */
export function isMereImport({ $unknown = [] }: FileDescriptorProto): boolean {
  return $unknown.some(({ no, wireType, data }) => {
    return no === bufExtension && wireType === WireType.LengthDelimited && saysImport(data);
  });
}

function saysImport(data: Uint8Array): boolean {
  const reader = new BinaryReader(new BinaryReader(data).bytes());
  let isImport = false;
  while (reader.pos < reader.len) {
    const [no, wireType] = reader.tag();
    if (no === isImportField && wireType === WireType.Varint) isImport = reader.bool();
    else reader.skip(wireType, no);
  }
  return isImport;
}
