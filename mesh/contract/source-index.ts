import type { AnyDesc, DescFile } from "@bufbuild/protobuf";
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FileDescriptorProto,
  SourceCodeInfo_Location,
} from "@bufbuild/protobuf/wkt";

/** What the source of a contract says about an element beyond its descriptor. */
export interface ElementSource {
  /** File as it is imported, such as "shop/order/v1/order_service.proto". */
  readonly file: string;
  /** Line on which the element begins, from 1. */
  readonly line: number;
  /** The comment above it, else the one behind it, without comment marks; "" for none. */
  readonly comment: string;
}

/** Finds the source of an element; undefined where its file was compiled without source information. */
export type SourceIndex = (element: AnyDesc) => ElementSource | undefined;

/**
 * Indexes the source information of descriptors by the names of their elements, so that a descriptor without it, such
 * as that of generated code, is found by its name. Descriptors have it when they come from an image
 * (`buf build -o image.binpb`, `protoc --include_source_info`).
 */
export function createSourceIndex(files: Iterable<DescFile>): SourceIndex {
  const sources = new Map<string, ElementSource>();
  for (const { proto } of files) {
    if (proto.sourceCodeInfo === undefined) continue;
    const locations = new Map(proto.sourceCodeInfo.location.map((location) => [location.path.join("."), location]));
    for (const [path, name] of elementsOf(proto)) {
      const location = locations.get(path);
      if (location) sources.set(name, sourceOf(proto, location));
    }
  }
  return (element) => sources.get(nameOf(element));
}

/** The element's full name, as unique as Protobuf demands; the values of an enum by way of their enum. */
function nameOf(element: AnyDesc): string {
  switch (element.kind) {
    case "file":
      return element.proto.package;
    case "field":
    case "oneof":
    case "enum_value":
    case "rpc":
      return `${element.parent.typeName}.${element.name}`;
    default:
      return element.typeName;
  }
}

function sourceOf({ name }: FileDescriptorProto, location: SourceCodeInfo_Location): ElementSource {
  const comment = location.leadingComments || location.trailingComments;
  return { file: name, line: (location.span[0] ?? 0) + 1, comment: withoutMarks(comment) };
}

/** Each line of a comment keeps the space behind its mark, and a block comment its stars. */
function withoutMarks(comment: string): string {
  return comment
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?|^ /, "").trimEnd())
    .join("\n")
    .trim();
}

type Element = readonly [path: string, name: string];

// The numbers are those of the fields of FileDescriptorProto and its parts (google/protobuf/descriptor.proto).
function elementsOf(file: FileDescriptorProto): Element[] {
  const prefix = file.package === "" ? "" : `${file.package}.`;
  return [
    ["2", file.package],
    ...file.messageType.flatMap((message, index) => messageElements(message, `4.${index}`, prefix)),
    ...file.enumType.flatMap((type, index) => enumElements(type, `5.${index}`, prefix)),
    ...file.service.flatMap((service, index): Element[] => [
      [`6.${index}`, prefix + service.name],
      ...named(service.method, `6.${index}.2`, `${prefix}${service.name}.`),
    ]),
    ...named(file.extension, "7", prefix),
  ];
}

function messageElements(message: DescriptorProto, path: string, prefix: string): Element[] {
  const inside = `${prefix}${message.name}.`;
  return [
    [path, prefix + message.name],
    ...named(message.field, `${path}.2`, inside),
    ...named(message.oneofDecl, `${path}.8`, inside),
    ...named(message.extension, `${path}.6`, inside),
    ...message.nestedType.flatMap((nested, index) => messageElements(nested, `${path}.3.${index}`, inside)),
    ...message.enumType.flatMap((type, index) => enumElements(type, `${path}.4.${index}`, inside)),
  ];
}

function enumElements(type: EnumDescriptorProto, path: string, prefix: string): Element[] {
  return [[path, prefix + type.name], ...named(type.value, `${path}.2`, `${prefix}${type.name}.`)];
}

function named(elements: readonly { readonly name: string }[], path: string, prefix: string): Element[] {
  return elements.map(({ name }, index) => [`${path}.${index}`, prefix + name]);
}
