import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { badField, type Source } from "../http/edge-error.ts";
import { enumText, scalarText, type TextReader } from "./scalar-text.ts";
import { hasNamedFields, wellKnownText } from "./well-known-text.ts";

/** A field that a path like "product.price" leads to from the request. */
export interface RequestField {
  /** Its path in proto spelling. */
  readonly path: string;
  /** The message fields on the way. */
  readonly parents: readonly (DescField & { fieldKind: "message" })[];
  readonly field: DescField;
}

/**
 * Finds a field by its path; each step is a proto name or a JSON name. Undefined when a step names no field, or leads
 * into anything but a singular message with named fields.
 */
export function findRequestField(request: DescMessage, path: string): RequestField | undefined {
  const parents: (DescField & { fieldKind: "message" })[] = [];
  const names: string[] = [];
  let message: DescMessage | undefined = request;
  let found: DescField | undefined;
  for (const step of path.split(".")) {
    if (found?.fieldKind === "message") parents.push(found);
    found = message?.fields.find(({ name, jsonName }) => name === step || jsonName === step);
    if (found === undefined) return undefined;
    names.push(found.name);
    message = found.fieldKind === "message" && hasNamedFields(found.message) ? found.message : undefined;
  }
  return found && { path: names.join("."), parents, field: found };
}

/** Reads values of a field from text; undefined for a field that has no textual form, such as a map or a message. */
export function fieldText(field: DescField): TextReader | undefined {
  switch (field.fieldKind) {
    case "scalar":
      return scalarText(field.scalar);
    case "enum":
      return enumText(field.enum);
    case "message":
      return wellKnownText(field.message);
    case "list":
      return itemText(field);
    case "map":
      return undefined;
  }
}

function itemText(list: DescField & { fieldKind: "list" }): TextReader | undefined {
  switch (list.listKind) {
    case "scalar":
      return scalarText(list.scalar);
    case "enum":
      return enumText(list.enum);
    case "message":
      return wellKnownText(list.message);
  }
}

/**
 * Returns the message that holds the field, creating the messages on the way.
 * Throws 400 when another member of a oneof is set where one is needed.
 */
export function holderOf(request: ReflectMessage, { parents, path }: RequestField, source: Source): ReflectMessage {
  let holder = request;
  for (const parent of parents) {
    claimOneof(holder, parent, path, source);
    if (!holder.isSet(parent)) holder.set(parent, reflect(parent.message));
    holder = holder.get(parent);
  }
  return holder;
}

/** Throws 400 when the field is a member of a oneof of which another member is set. */
export function claimOneof(holder: ReflectMessage, field: DescField, path: string, source: Source): void {
  const other = field.oneof && holder.oneofCase(field.oneof);
  if (other && other !== field) {
    throw badField(source, path, `excludes ${other.name}, which is set too; send one of them`);
  }
}
