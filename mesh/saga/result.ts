import { create, type DescMethod, type Message } from "@bufbuild/protobuf";
import { isReflectMessage, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { ResultField } from "#mesh/contract";
import { type Emission, PermanentError } from "#mesh/events";
import { rpcName } from "./reception.ts";

/** The events that a handler's result holds. */
export interface Result {
  /** The member of the oneof that says which step was taken; undefined for a step that announces nothing. */
  readonly step: Emission | undefined;
  /** All others, in the order of the contract. */
  readonly extra: readonly Emission[];
}

/**
 * Reads the events out of what a handler returned.
 * Throws a PermanentError for a result that is no object or has properties that the contract does not know.
 */
export function readResult(method: DescMethod, fields: readonly ResultField[], returned: unknown): Result {
  const message = reflect(method.output, create(method.output, requireResult(method, returned)));
  const emissions = (wanted: readonly ResultField[]) =>
    wanted.flatMap((field) => messagesOf(message, field).map((event) => ({ event: field.event, message: event })));
  return {
    step: emissions(fields.filter(({ step }) => step))[0],
    extra: emissions(fields.filter(({ step }) => !step)),
  };
}

function requireResult(method: DescMethod, returned: unknown): Record<string, unknown> {
  if (typeof returned !== "object" || returned === null) {
    throw new PermanentError(
      `${rpcName(method)} returned no ${method.output.typeName}. Return {} when nothing follows.`,
    );
  }
  const known = new Set(["$typeName", "$unknown", ...method.output.members.map(({ localName }) => localName)]);
  const unknown = Object.keys(returned).filter((name) => !known.has(name));
  if (unknown.length === 0) return { ...returned };
  throw new PermanentError(
    `${rpcName(method)} returned ${unknown.join(", ")}, which ${method.output.typeName} does not have. Declare the field or drop it.`,
  );
}

function messagesOf(result: ReflectMessage, { field }: ResultField): Message[] {
  if (!result.isSet(field)) return [];
  const value: unknown = result.get(field);
  const items: Iterable<unknown> = isReflectMessage(value) ? [value] : isIterable(value) ? value : [];
  return [...items].filter((item) => isReflectMessage(item)).map((item) => item.message);
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}
