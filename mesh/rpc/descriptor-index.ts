import { type DescExtension, type DescFile, type DescMessage, type DescService, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

/** What reflection can be asked about a set of services. */
export interface DescriptorIndex {
  /** Full names of the services. */
  readonly services: readonly string[];
  fileByName(name: string): DescFile | undefined;
  /** The file that declares a message, enum, service or extension, or a method, field or enum value of one. */
  fileOfSymbol(symbol: string): DescFile | undefined;
  fileOfExtension(extendee: string, number: number): DescFile | undefined;
  /** Numbers of the known extensions of a message; undefined when there is no such message. */
  extensionNumbers(extendee: string): readonly number[] | undefined;
  /** A file and everything it depends on, as serialized FileDescriptorProto, the file itself first. */
  withDependencies(file: DescFile): readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

/** Indexes the files of services, further files, and everything that they depend on. */
export function indexDescriptors(services: readonly DescService[], more: readonly DescFile[]): DescriptorIndex {
  const files = new Map<string, DescFile>();
  for (const file of [...services.map((service) => service.file), ...more]) {
    for (const each of reachable(file)) files.set(nameOf(each), each);
  }
  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  for (const file of files.values()) indexFile(file, symbols, extensions);
  const serialized = new Map<DescFile, Uint8Array>();

  function bytesOf(file: DescFile): Uint8Array {
    const bytes = serialized.get(file) ?? toBinary(FileDescriptorProtoSchema, file.proto);
    serialized.set(file, bytes);
    return bytes;
  }

  return {
    services: services.map(({ typeName }) => typeName),
    fileByName: (name) => files.get(name),
    fileOfSymbol: (symbol) => symbols.get(symbol.replace(/^\./, "")),
    fileOfExtension: (extendee, number) => extensions.get(extendee)?.get(number),
    extensionNumbers: (extendee) =>
      symbols.has(extendee) ? [...(extensions.get(extendee)?.keys() ?? [])].sort((a, b) => a - b) : undefined,
    withDependencies: (file) => [...reachable(file)].map((each) => ({ name: nameOf(each), bytes: bytesOf(each) })),
  };
}

/** A Set keeps the order of insertion, so the file itself comes first. */
function reachable(file: DescFile, found = new Set<DescFile>()): Set<DescFile> {
  if (found.has(file)) return found;
  found.add(file);
  for (const dependency of file.dependencies) reachable(dependency, found);
  return found;
}

/** DescFile.name lacks the ending. */
function nameOf(file: DescFile): string {
  return file.proto.name;
}

type Extensions = Map<string, Map<number, DescFile>>;

function indexFile(file: DescFile, symbols: Map<string, DescFile>, extensions: Extensions): void {
  for (const type of nestedTypes(file)) {
    symbols.set(type.typeName, file);
    if (type.kind === "message") addMembers(type, type.members, symbols);
    if (type.kind === "service") addMembers(type, type.methods, symbols);
    if (type.kind === "extension") indexExtension(type, extensions);
    // Enum values are siblings of their enum (descriptor.proto), not children.
    if (type.kind === "enum") {
      const scope = type.typeName.slice(0, -type.name.length);
      for (const value of type.values) symbols.set(scope + value.name, file);
    }
  }
}

function addMembers(
  parent: DescMessage | DescService,
  members: readonly { readonly name: string }[],
  symbols: Map<string, DescFile>,
): void {
  for (const { name } of members) symbols.set(`${parent.typeName}.${name}`, parent.file);
}

function indexExtension(extension: DescExtension, extensions: Extensions): void {
  const extendee = extension.extendee.typeName;
  const numbers = extensions.get(extendee) ?? new Map<number, DescFile>();
  extensions.set(extendee, numbers.set(extension.number, extension.file));
}
