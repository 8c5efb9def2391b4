import type { DescMethod } from "@bufbuild/protobuf";
import { type DescMessage, getOption, type Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { policy } from "#gen/heddle/v1/policy_pb.ts";
import { readTemplate, variableOf } from "./read-template.ts";
import type { RequestField } from "./request-field.ts";
import type { Segment, Template, Variable } from "./route-template.ts";
import { RuleFault } from "./rule-fault.ts";

/** How a call that succeeded is answered. */
export interface Success {
  readonly status: 200 | 201 | 204;
  /** Template of the header Location, for 201 only. */
  readonly location?: Template;
  /** Fills in the header Location from the response; undefined where a field of it is empty. */
  readonly locate?: (response: Message) => string | undefined;
}

/**
 * Reads heddle.v1.Policy.success. Throws a RuleFault for a response with fields that would be thrown away, a location
 * that the response cannot fill, and for a stream.
 */
export function readSuccess(method: DescMethod): Success {
  const { success } = getOption(method, policy);
  if (success === undefined || success.answer.case === undefined) return { status: 200 };
  if (method.methodKind !== "unary") {
    throw new RuleFault("success has a status of its own, yet the answer is a stream", "drop success");
  }
  return success.answer.case === "created"
    ? readCreated(method.output, success.answer.value)
    : readNoContent(method.output, success.answer.value);
}

function readNoContent({ typeName, fields }: DescMessage, noContent: boolean): Success {
  if (!noContent) return { status: 200 };
  if (fields.length === 0) return { status: 204 };
  throw new RuleFault(`success.no_content would throw away the fields of ${typeName}`, "drop it or answer with Empty");
}

function readCreated(response: DescMessage, path: string): Success {
  const location = readTemplate(path);
  const parts = location.variables.map((variable) => ({
    variable,
    target: variableOf(response, variable.field, path),
  }));
  if (location.segments.some(({ kind }, index) => kind !== "literal" && !isBound(parts, index))) {
    throw new RuleFault(`success.created "${path}" has wildcards that no field fills`, 'write "{field=*}"');
  }
  return { status: 201, location, locate: compileLocation(response, location, parts) };
}

interface Part {
  readonly variable: Variable;
  readonly target: RequestField;
}

function isBound(parts: readonly Part[], index: number): boolean {
  return parts.some(({ variable: { start, end = Number.POSITIVE_INFINITY } }) => index >= start && index < end);
}

function compileLocation(response: DescMessage, { segments, verb }: Template, parts: readonly Part[]) {
  const suffix = verb === "" ? "" : `:${verb}`;
  return (message: Message): string | undefined => {
    const whole = reflect(response, message, false);
    const written: string[] = [];
    for (let index = 0; index < segments.length; ) {
      const part = parts.find(({ variable }) => variable.start === index);
      const text = part ? textOf(whole, part) : literalOf(segments[index]);
      if (text === "") return undefined;
      written.push(text);
      index = part ? (part.variable.end ?? segments.length) : index + 1;
    }
    return `/${written.join("/")}${suffix}`;
  };
}

/** A value of several segments keeps the slashes between them. */
function textOf(whole: ReflectMessage, { variable, target }: Part): string {
  let holder = whole;
  for (const parent of target.parents) holder = holder.get(parent);
  const text = String(holder.get(target.field));
  return variable.multi ? text.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(text);
}

function literalOf(segment: Segment | undefined): string {
  return segment?.kind === "literal" ? encodeURIComponent(segment.text) : "";
}
