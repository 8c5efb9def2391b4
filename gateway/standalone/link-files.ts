import { create, createFileRegistry, type FileRegistry } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  file_google_protobuf_any,
  file_google_protobuf_api,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";
import { policy } from "#gen/heddle/v1/policy_pb.ts";
import { DescriptorError } from "./descriptor-error.ts";
import { declaredTypes, resolveNames } from "./resolve-names.ts";

/** What every compiler brings along and some servers leave out of their reflection. */
const wellKnown = new Map(
  [
    ...[file_google_protobuf_any, file_google_protobuf_api, file_google_protobuf_descriptor],
    ...[file_google_protobuf_duration, file_google_protobuf_empty, file_google_protobuf_field_mask],
    ...[file_google_protobuf_source_context, file_google_protobuf_struct, file_google_protobuf_timestamp],
    ...[file_google_protobuf_type, file_google_protobuf_wrappers],
  ].map(({ proto }) => [proto.name, proto]),
);

/**
 * protobufjs, by which servers on Node reflect, makes one file of each package: of google.protobuf one that has lost
 * what our own has, and that refers to whatever extends it.
 */
function isNoCopy({ name, package: of }: FileDescriptorProto): boolean {
  return of !== "google.protobuf" || name !== "google_protobuf.proto";
}

/**
 * Links files, in any order, to descriptors. `origin` names where they are from, for messages.
 * Throws a DescriptorError that lists every fault: files given twice, missing imports, imports in a circle, names that
 * are defined nowhere, an edition that is too new.
 */
export function linkFiles(files: readonly FileDescriptorProto[], origin: string): FileRegistry {
  const faults: string[] = [];
  const ordered = inOrder(files.filter(isNoCopy), faults);
  if (faults.length > 0) throw new DescriptorError(origin, faults);
  const registry = linked(ordered, origin);
  if (registry.getExtension(policy.typeName)?.number === policy.number) return registry;
  // To somebody else the numbers of Heddle's options mean something else.
  return ordered.map(dropHeddleOptions).some(Boolean) ? linked(ordered, origin) : registry;
}

function linked(files: readonly FileDescriptorProto[], origin: string): FileRegistry {
  try {
    return createFileRegistry(create(FileDescriptorSetSchema, { file: [...files] }));
  } catch (fault) {
    throw new DescriptorError(origin, [fault instanceof Error ? fault.message : String(fault)]);
  }
}

/** Sorts files so that each comes after what it imports and refers to. */
function inOrder(files: readonly FileDescriptorProto[], faults: string[]): FileDescriptorProto[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const declared = declaredTypes([...wellKnown.values(), ...files]);
  for (const { name } of repeated(files)) faults.push(`${name} is there twice. Mend: build one image of all files.`);
  const ordered = new Set<FileDescriptorProto>();
  const open: string[] = [];

  function add(file: FileDescriptorProto): void {
    if (ordered.has(file)) return;
    if (open.includes(file.name)) {
      faults.push(
        `${[...open.slice(open.indexOf(file.name)), file.name].join(" needs ")}: that goes in a circle. ${unlooped}`,
      );
      return;
    }
    open.push(file.name);
    for (const name of file.dependency) {
      const imported = byName.get(name) ?? wellKnown.get(name);
      if (imported) add(imported);
      else faults.push(missing(name, file.name));
    }
    if (!wellKnown.has(file.name)) resolveNames(file, declared).forEach(add);
    open.pop();
    ordered.add(file);
  }

  for (const file of files) add(file);
  return [...ordered];
}

/** Packages may well need each other where their files do not. */
const unlooped = "Mend: if a server on Node reflects so, give its descriptors in an image.";

function repeated(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  return [...Map.groupBy(files, ({ name }) => name).values()].flatMap(([, second]) => second ?? []);
}

function missing(name: string, importer: string): string {
  return `${importer} imports ${name}, which is missing. Mend: add it, with protoc by --include_imports.`;
}

/** Field numbers that Heddle's options use and may come to use. */
const ours = { from: 50_800, to: 50_899 };

/** Takes options in Heddle's range off all elements of a file. Returns whether there were any. */
function dropHeddleOptions(part: object): boolean {
  const unknown: unknown = Reflect.get(part, "$unknown");
  const foreign = Array.isArray(unknown) ? unknown.filter(({ no }) => no < ours.from || no > ours.to) : [];
  const dropped = Array.isArray(unknown) && foreign.length < unknown.length;
  if (dropped) Reflect.set(part, "$unknown", foreign);
  const parts = Object.values<unknown>({ ...part }).flat();
  const below = parts.filter((value) => typeof value === "object" && value !== null && "$typeName" in value);
  return below.map(dropHeddleOptions).some(Boolean) || dropped;
}
