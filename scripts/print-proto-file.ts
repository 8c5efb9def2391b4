// Prints a file descriptor as .proto text. Made for buf/validate/validate.proto, which no npm package ships as text
// but whose descriptor @bufbuild/protovalidate carries: proto2, extensions, maps, oneofs, extension ranges, defaults.
import { getExtension, hasExtension, isFieldSet } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  type FieldOptions,
  type FileDescriptorProto,
  FileOptionsSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { predefined } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

const maxFieldNumber = 536_870_911;

const header = `// Generated from the descriptor in @bufbuild/protovalidate, do not edit.
//
// Copyright Buf Technologies, Inc.
// Licensed under the Apache License, Version 2.0: http://www.apache.org/licenses/LICENSE-2.0
`;

/** Returns the text of a proto2 file. */
export function printProtoFile(file: FileDescriptorProto): string {
  const lines = [
    header,
    `syntax = "proto2";`,
    `package ${file.package};`,
    ...file.dependency.map((path) => `import ${JSON.stringify(path)};`),
    ...fileOptions(file),
    ...extensions(file.extension),
    ...file.messageType.flatMap(message),
    ...file.enumType.flatMap(enumeration),
  ];
  return `${lines.join("\n")}\n`;
}

function fileOptions({ options }: FileDescriptorProto): string[] {
  if (!options) return [];
  return (["goPackage", "javaMultipleFiles", "javaOuterClassname", "javaPackage"] as const)
    .map((name) => FileOptionsSchema.field[name])
    .filter((field) => isFieldSet(options, field))
    .map((field) => `option ${field.name} = ${JSON.stringify(options[field.localName as keyof typeof options])};`);
}

function extensions(fields: FieldDescriptorProto[]): string[] {
  const byExtendee = Map.groupBy(fields, (field) => field.extendee);
  return [...byExtendee].flatMap(([extendee, members]) => [
    `extend ${extendee} {`,
    ...members.map((member) => fieldLine(member, [])),
    "}",
  ]);
}

function message(type: DescriptorProto): string[] {
  const maps = type.nestedType.filter((nested) => nested.options?.mapEntry);
  const line = (field: FieldDescriptorProto) => fieldLine(field, maps);
  return [
    `message ${type.name} {`,
    ...type.field.filter((field) => oneofOf(field) === undefined).map(line),
    ...type.oneofDecl.flatMap((oneof, index) => {
      const members = type.field.filter((field) => oneofOf(field) === index);
      return members.length ? [`oneof ${oneof.name} {`, ...members.map(line), "}"] : [];
    }),
    ...extensions(type.extension),
    ...type.nestedType.filter((nested) => !nested.options?.mapEntry).flatMap(message),
    ...type.enumType.flatMap(enumeration),
    ...type.extensionRange.map((range) => `extensions ${rangeText(range.start, range.end)};`),
    ...type.reservedRange.map((range) => `reserved ${rangeText(range.start, range.end)};`),
    ...type.reservedName.map((name) => `reserved ${JSON.stringify(name)};`),
    "}",
  ];
}

/** The index of the oneof around a field. An unset proto2 field answers with a default, so presence is asked first. */
function oneofOf(field: FieldDescriptorProto): number | undefined {
  const inOneof = isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex) && !field.proto3Optional;
  return inOneof ? field.oneofIndex : undefined;
}

function fieldLine(field: FieldDescriptorProto, maps: DescriptorProto[]): string {
  const entry = maps.find((map) => field.typeName.endsWith(`.${map.name}`));
  const [key, value] = entry?.field ?? [];
  const type = key && value ? `map<${typeText(key)}, ${typeText(value)}>` : typeText(field);
  const label = entry || oneofOf(field) !== undefined ? "" : `${Label[field.label].toLowerCase()} `;
  return `${label}${type} ${field.name} = ${field.number}${fieldOptions(field)};`;
}

function typeText(field: FieldDescriptorProto): string {
  return field.typeName || Type[field.type].toLowerCase();
}

function fieldOptions(field: FieldDescriptorProto): string {
  const parts: string[] = [];
  if (isFieldSet(field, FieldDescriptorProtoSchema.field.defaultValue)) {
    parts.push(`default = ${field.type === Type.STRING ? JSON.stringify(field.defaultValue) : field.defaultValue}`);
  }
  if (field.options?.deprecated) parts.push("deprecated = true");
  parts.push(...predefinedRules(field.options));
  return parts.length ? ` [${parts.join(", ")}]` : "";
}

function predefinedRules(options: FieldOptions | undefined): string[] {
  if (!options || !hasExtension(options, predefined)) return [];
  return getExtension(options, predefined).cel.map((rule) => {
    const entries = [
      ["id", rule.id],
      ["message", rule.message],
      ["expression", rule.expression],
    ].filter(([, text]) => text);
    return `(buf.validate.predefined).cel = {${entries.map(([name, text]) => `${name}: ${JSON.stringify(text)}`).join(", ")}}`;
  });
}

function enumeration(type: EnumDescriptorProto): string[] {
  return [`enum ${type.name} {`, ...type.value.map((value) => `${value.name} = ${value.number};`), "}"];
}

/** Descriptor ranges exclude their end; the text includes it. */
function rangeText(start: number, end: number): string {
  const last = end - 1;
  if (last >= maxFieldNumber) return `${start} to max`;
  return last > start ? `${start} to ${last}` : `${start}`;
}
