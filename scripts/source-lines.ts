import type { FileDescriptorProto, FileDescriptorSet, SourceCodeInfo_Location } from "@bufbuild/protobuf/wkt";

/** Field numbers of google.protobuf descriptors, as source locations use them. */
const fields = { messages: 4, enums: 5, services: 6, methods: 2, fileOptions: 8 };

/** Finds the line on which an element of a contract begins; the file alone where it is not known. */
export function createLocator(image: FileDescriptorSet, folder: string) {
  const files = new Map(image.file.map((file) => [file.name, file]));
  return ({ typeName, file }: { readonly typeName: string; readonly file: string }): string => {
    const name = `${file}.proto`;
    const found = files.get(name);
    const line = found && lineOf(found, typeName);
    return `${folder}/${name}${line === undefined ? "" : `:${line}`}`;
  };
}

function lineOf(file: FileDescriptorProto, typeName: string): number | undefined {
  const path = pathOf(file, typeName);
  const location = file.sourceCodeInfo?.location.find((candidate) => isAt(candidate, path));
  const line = location?.span[0];
  return line === undefined ? undefined : line + 1;
}

function pathOf(file: FileDescriptorProto, typeName: string): number[] {
  const local = typeName.slice(file.package.length + 1);
  for (const [index, service] of file.service.entries()) {
    if (service.name === local) return [fields.services, index];
    const method = service.method.findIndex(({ name }) => `${service.name}.${name}` === local);
    if (method >= 0) return [fields.services, index, fields.methods, method];
  }
  const message = file.messageType.findIndex(({ name }) => name === local);
  if (message >= 0) return [fields.messages, message];
  const type = file.enumType.findIndex(({ name }) => name === local);
  return type >= 0 ? [fields.enums, type] : [fields.fileOptions];
}

function isAt({ path }: SourceCodeInfo_Location, wanted: readonly number[]): boolean {
  // An option's location goes deeper than the field that holds all options.
  const depth = wanted[0] === fields.fileOptions ? 1 : path.length;
  return path.length >= wanted.length && depth <= wanted.length && wanted.every((part, index) => path[index] === part);
}
