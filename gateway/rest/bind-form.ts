import { isUtf8 } from "node:buffer";
import { create, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { HttpBodySchema } from "#gen/google/api/httpbody_pb.ts";
import { nearestName } from "#mesh/contract";
import { badField } from "../http/edge-error.ts";
import { readParameters } from "../http/header-parameters.ts";
import type { PartHead } from "../http/part-head.ts";
import { type BodyRule, jsonValue } from "./bind-body.ts";
import { holdsHttpBody, isHttpBody } from "./http-body.ts";
import type { MappingRules } from "./mapping-rules.ts";
import { claimOneof, fieldText, findRequestField, holderOf, type RequestField } from "./request-field.ts";
import { hasNamedFields } from "./well-known-text.ts";

/** A part that has been read. */
export interface WholePart extends PartHead {
  readonly data: Buffer;
}

/** Sets fields of a request from the parts of a form. */
export interface FormBinder {
  /** Parts of one form. */
  readonly maxParts: number;
  /** The field that a part is for. Throws 400 for a name that leads to none, or to one of the path. */
  fieldOf(name: string): RequestField;
  /** Sets the fields of parts. Throws 400 for values that do not fit. */
  bind(request: ReflectMessage, parts: Iterable<WholePart>): void;
}

/** What a route says about its form. */
export interface FormRule extends BodyRule, Pick<MappingRules, "maxQueryParameters"> {
  /** Paths of the fields in the path, proto spelling. */
  readonly pathFields: ReadonlySet<string>;
}

/**
 * Compiles the binding of forms, for a route whose body has a place for files; undefined for every other, which takes
 * JSON alone: pages of other origins may send forms without a preflight. A part is named for its field, as a query
 * parameter is, within what the body is. Its value is text as in a query, JSON where it says so, and the bytes as they
 * are for fields of bytes and of google.api.HttpBody, which keeps the content type as well.
 */
export function compileForm(request: DescMessage, rule: FormRule): FormBinder | undefined {
  const body = bodyMessage(request, rule.body);
  if (body === undefined || !takesFiles(body)) return undefined;
  const prefix = rule.body === "*" ? "" : `${rule.body}.`;
  const known = body.fields.filter(({ name }) => !rule.pathFields.has(prefix + name)).map(({ jsonName }) => jsonName);
  const fieldOf = (name: string) => {
    if (name.split(".").length > rule.maxDepth) {
      throw badField("form", "", `a part leads more than ${rule.maxDepth} steps deep`);
    }
    const found = findRequestField(request, prefix + name);
    if (found === undefined) throw badField("form", prefix + name, `no such part${hint(name, known)}`, name);
    if (rule.pathFields.has(found.path)) throw badField("form", found.path, "is given by the path", name);
    return found;
  };
  return {
    maxParts: rule.maxQueryParameters,
    fieldOf,
    bind(message, parts) {
      const seen = new Set<string>();
      for (const part of parts) {
        const target = fieldOf(part.name);
        const repeated = pathsTo(target).some((path) => seen.has(path));
        seen.add(target.path);
        if (!isUnchosen(part)) setFromPart(message, { target, part, repeated, rule });
      }
    },
  };
}

/** Whether a field takes the bytes of a part as they are, whatever their type. */
export function takesBytes(field: DescField): boolean {
  if (holdsHttpBody(field)) return true;
  if (field.fieldKind === "list" && field.listKind === "message") return isHttpBody(field.message);
  return (field.fieldKind === "list" || field.fieldKind === "scalar") && field.scalar === ScalarType.BYTES;
}

/** What a form's parts are named within; undefined where the body has no fields that could be named. */
export function bodyMessage(request: DescMessage, body: string): DescMessage | undefined {
  const field = request.fields.find(({ name }) => name === body);
  const message = body === "*" ? request : field?.fieldKind === "message" ? field.message : undefined;
  return message && hasNamedFields(message) ? message : undefined;
}

function takesFiles(message: DescMessage, seen = new Set<DescMessage>()): boolean {
  if (seen.has(message)) return false;
  seen.add(message);
  return message.fields.some(
    (field) =>
      takesBytes(field) ||
      (field.fieldKind === "message" && hasNamedFields(field.message) && takesFiles(field.message, seen)),
  );
}

/** The path of a field after those of the messages on the way. */
function pathsTo({ path }: RequestField): string[] {
  const steps = path.split(".");
  return steps.map((_, index) => steps.slice(0, index + 1).join("."));
}

/** Browsers send an empty part for an input in which nobody has chosen a file. */
function isUnchosen({ fileName, data }: WholePart): boolean {
  return fileName === "" && data.length === 0;
}

interface Setting {
  readonly target: RequestField;
  readonly part: WholePart;
  /** Whether an earlier part was for the same field, or for a message that holds it. */
  readonly repeated: boolean;
  readonly rule: FormRule;
}

function setFromPart(request: ReflectMessage, { target, part, repeated, rule }: Setting): void {
  const { field, path } = target;
  const value = partValue(target, part, rule);
  const holder = holderOf(request, target, "form");
  if (field.fieldKind === "list") {
    holder.get(field).add(value);
    return;
  }
  // A message may be there already, by parts for its fields.
  if (repeated || (field.fieldKind === "message" && holder.isSet(field))) {
    throw badField("form", path, "is given more than once", part.name);
  }
  claimOneof(holder, field, path, "form");
  if (value !== undefined) holder.set(field, value);
}

function partValue(target: RequestField, part: WholePart, rule: FormRule): unknown {
  const { field, path } = target;
  const { name, contentType = "", data } = part;
  if (takesBytes(field)) return bytesValue(field, part);
  const { type, parameters } = readParameters(contentType || "text/plain") ?? { type: contentType };
  const charset = parameters?.get("charset")?.toLowerCase() ?? "utf-8";
  if (!/^(?:utf-?8|us-ascii)$/.test(charset) || !isUtf8(data)) throw badField("form", path, "is not in UTF-8", name);
  const text = data.toString();
  if (type === "application/json") {
    const at = path.split(".").slice(0, -1).join(".");
    return jsonValue(field, text, { ...rule, at, source: "form" });
  }
  const reader = fieldText(field);
  if (reader === undefined || type !== "text/plain") {
    const expected = reader ? "text/plain or application/json" : "application/json";
    throw badField("form", path, `expected ${expected}, not ${contentType || "text"}`, name);
  }
  const value = reader.read(text);
  if (value === undefined) throw badField("form", path, `expected ${reader.expected}, got "${text}"`, name);
  return value;
}

function bytesValue(field: DescField, { contentType = "", data }: WholePart): unknown {
  if (field.message === undefined) return data;
  return reflect(HttpBodySchema, create(HttpBodySchema, { contentType, data }), false);
}

function hint(name: string, known: readonly string[]): string {
  const near = nearestName(name, known);
  return near === undefined ? `; known are ${known.slice(0, 10).join(", ")}` : `; did you mean "${near}"?`;
}
