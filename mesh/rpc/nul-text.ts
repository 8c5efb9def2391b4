import { type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import {
  isReflectList,
  isReflectMap,
  isReflectMessage,
  type ReflectMessage,
  reflect,
} from "@bufbuild/protobuf/reflect";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";

const NUL = "\u0000";

/**
 * Refuses text that holds U+0000: valid in Protobuf, but no Postgres can store it, so that it would fail late and
 * look like our fault. Throws ConnectError InvalidArgument with google.rpc.BadRequest naming the field.
 */
export function requireNoNulText(desc: DescMessage, message: Message): void {
  const field = findNul(reflect(desc, message));
  if (!field) return;
  const description = "must not hold the character U+0000";
  throw new ConnectError(`the request is not valid: ${field}: ${description}`, Code.InvalidArgument, undefined, [
    { desc: BadRequestSchema, value: { fieldViolations: [{ field, description, reason: "NUL_CHARACTER" }] } },
  ]);
}

/** Path of the first field whose text holds U+0000. */
function findNul(message: ReflectMessage): string | undefined {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    if (field.fieldKind === "scalar" && field.scalar !== ScalarType.STRING) continue;
    const found = findNulIn(message.get(field));
    if (found !== undefined) return `${field.name}${found}`;
  }
  return undefined;
}

/** What to append to the path of the field that holds `value`; undefined when there is no U+0000 in it. */
function findNulIn(value: unknown): string | undefined {
  if (typeof value === "string") return value.includes(NUL) ? "" : undefined;
  if (isReflectMessage(value)) return prefixed(".", findNul(value));
  if (isReflectList(value)) return findNulAmong([...value].map((item, index) => [index, item]));
  if (isReflectMap(value))
    return findNulAmong(
      [...value.entries()].flatMap(([key, item]) => [
        [key, key],
        [key, item],
      ]),
    );
  return undefined;
}

function findNulAmong(items: readonly (readonly [key: unknown, value: unknown])[]): string | undefined {
  for (const [key, value] of items) {
    const found = findNulIn(value);
    if (found !== undefined) return `[${String(key).replaceAll(NUL, "\\0")}]${found}`;
  }
  return undefined;
}

function prefixed(prefix: string, path: string | undefined): string | undefined {
  return path === undefined ? undefined : prefix + path;
}
