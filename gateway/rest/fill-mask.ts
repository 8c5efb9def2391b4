import { create, type DescField, type DescMessage, type JsonValue } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { parseJson } from "./bind-body.ts";
import { hasNamedFields } from "./well-known-text.ts";

/** Sets the request's field mask from the keys of a JSON body, where the client gave no mask. "" is an absent body. */
export type FillMask = (request: ReflectMessage, text: string) => void;

/**
 * Compiles the mask of a PATCH whose body is one message field and whose request has exactly one FieldMask: left out,
 * the mask is what the body holds, as leaf paths of the proto, sorted; lists, maps and well-known types are leaves and
 * null counts. Fields that the path binds say what is patched, so they are left out. Undefined where none is filled.
 */
export function compileMask(
  request: DescMessage,
  rule: { readonly method: string; readonly body: string; readonly pathFields: ReadonlySet<string> },
): FillMask | undefined {
  const bodyField = request.fields.find(({ name }) => name === rule.body);
  const masks = request.fields.filter(isMask);
  const [mask] = masks;
  if (rule.method !== "PATCH" || masks.length !== 1 || mask === undefined) return undefined;
  if (bodyField?.fieldKind !== "message" || !hasNamedFields(bodyField.message)) return undefined;
  const { message } = bodyField;
  return (target, text) => {
    if (text === "" || target.isSet(mask)) return;
    const paths = leafPaths(message, parseJson(text), "").filter(
      (path) => !rule.pathFields.has(`${rule.body}.${path}`),
    );
    target.set(mask, reflect(FieldMaskSchema, create(FieldMaskSchema, { paths: [...new Set(paths)].sort() })));
  };
}

function isMask(field: DescField): boolean {
  return field.fieldKind === "message" && field.message.typeName === FieldMaskSchema.typeName;
}

function leafPaths(message: DescMessage, json: JsonValue, prefix: string): string[] {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return [];
  return Object.entries(json).flatMap(([key, value]) => {
    const field = message.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    if (field === undefined) return [];
    const path = `${prefix}${field.name}`;
    const below =
      field.fieldKind === "message" && hasNamedFields(field.message) ? leafPaths(field.message, value, `${path}.`) : [];
    return below.length > 0 ? below : [path];
  });
}
