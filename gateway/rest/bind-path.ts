import type { DescField } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { badField } from "../http/edge-error.ts";
import { claimOneof, fieldText, holderOf, type RequestField } from "./request-field.ts";

/** Sets a field of the request from the path. */
export type BindPathValue = (request: ReflectMessage, text: string) => void;

/**
 * Compiles the binding of one path variable. It runs after query and body: the path says what a request is about, and
 * authorisation may hang on it, so a different value from elsewhere is refused with 400 and never wins.
 * An equal one is fine: clients send back what they got.
 */
export function compilePathValue(target: RequestField): BindPathValue {
  const { field, path } = target;
  const reader = fieldText(field);
  if (reader === undefined) throw new TypeError(`${path} cannot be bound to a path`);
  return (request, text) => {
    const value = reader.read(text);
    if (value === undefined) throw badField("path", path, `expected ${reader.expected}, got "${text}"`);
    const holder = holderOf(request, target, "path");
    claimOneof(holder, field, path, "path");
    if (holder.isSet(field) && !sameValue(holder.get(field), value)) {
      throw badField("path", path, `the path says "${text}", the rest of the request says otherwise`);
    }
    holder.set(field, value);
  };
}

/** Whether a variable may be bound to the field: a scalar or enum, neither repeated nor a map. */
export function fitsPath(field: DescField): boolean {
  return field.fieldKind === "scalar" || field.fieldKind === "enum";
}

function sameValue(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return Object.is(a, b);
}
