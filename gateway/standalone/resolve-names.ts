import { protoCamelCase } from "@bufbuild/protobuf/reflect";
import type {
  DescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
  ServiceDescriptorProto,
} from "@bufbuild/protobuf/wkt";

/** Where types are declared, by full name. */
type Declared = ReadonlyMap<string, FileDescriptorProto>;

/**
 * Writes the names of types in a file out in full and returns the files that declare them. Compilers do so; protobufjs,
 * by which servers on Node reflect, writes names as a proto file would, leaves imports out, and leaves JSON names empty.
 */
export function resolveNames(file: FileDescriptorProto, declared: Declared): Set<FileDescriptorProto> {
  const referred = new Set<FileDescriptorProto>();

  function resolve(name: string, scope: string): string {
    const full = name.startsWith(".") ? name.slice(1) : fullName(name, scope, declared);
    const declaring = declared.get(full);
    if (declaring && declaring !== file) referred.add(declaring);
    return `.${full}`;
  }

  function visitFields(fields: readonly FieldDescriptorProto[], scope: string): void {
    for (const field of fields) {
      if (field.jsonName === "") field.jsonName = protoCamelCase(field.name);
      if (field.typeName !== "") field.typeName = resolve(field.typeName, scope);
      if (field.extendee !== "") field.extendee = resolve(field.extendee, scope);
    }
  }

  function visitMessage(message: DescriptorProto, parent: string): void {
    const name = join(parent, message.name);
    visitFields(message.field, name);
    visitFields(message.extension, name);
    for (const nested of message.nestedType) visitMessage(nested, name);
  }

  function visitService({ method, name }: ServiceDescriptorProto): void {
    for (const each of method) {
      each.inputType = resolve(each.inputType, join(file.package, name));
      each.outputType = resolve(each.outputType, join(file.package, name));
    }
  }

  for (const message of file.messageType) visitMessage(message, file.package);
  for (const service of file.service) visitService(service);
  visitFields(file.extension, file.package);
  return referred;
}

/** Lists where the messages and enums of files are declared. */
export function declaredTypes(files: Iterable<FileDescriptorProto>): Declared {
  const declared = new Map<string, FileDescriptorProto>();
  function declareIn(parent: string, { name, nestedType, enumType }: DescriptorProto, file: FileDescriptorProto): void {
    const full = join(parent, name);
    declared.set(full, file);
    for (const nested of nestedType) declareIn(full, nested, file);
    for (const type of enumType) declared.set(join(full, type.name), file);
  }
  for (const file of files) {
    for (const message of file.messageType) declareIn(file.package, message, file);
    for (const type of file.enumType) declared.set(join(file.package, type.name), file);
  }
  return declared;
}

/** The innermost scope that has the name counts; a name that none has is taken as full. */
function fullName(name: string, scope: string, declared: Declared): string {
  for (let around = scope; around !== ""; around = around.slice(0, Math.max(0, around.lastIndexOf(".")))) {
    if (declared.has(`${around}.${name}`)) return `${around}.${name}`;
  }
  return name;
}

function join(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}
