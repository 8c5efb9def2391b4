import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { isOneofRequired } from "./rules.ts";
import type { Schema } from "./value-schema.ts";

/** Of the members of each oneof at most one is there, and exactly one where the contract demands it. */
export function oneofSchemas({ oneofs }: DescMessage, fields: readonly DescField[]): Schema {
  const groups = oneofs.flatMap((oneof) => {
    const members = oneof.fields.filter((field) => fields.includes(field));
    if (members.length === 0) return [];
    const present = members.map(({ jsonName }): Schema => ({ required: [jsonName] }));
    const absent =
      isOneofRequired(oneof) && members.length === oneof.fields.length ? [] : [{ not: { anyOf: present } }];
    return [{ oneOf: [...present, ...absent] }];
  });
  const [only, ...others] = groups;
  return others.length === 0 ? { ...only } : { allOf: groups };
}
