import {
  create,
  type DescField,
  type DescMessage,
  type DescOneof,
  getOption,
  type JsonObject,
  type JsonValue,
  toJson,
} from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import {
  FieldRulesSchema,
  field as fieldRules,
  MessageRulesSchema,
  message as messageRules,
  oneof as oneofRules,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** Rules of protovalidate in ProtoJSON: only what a contract says is there. */
export type Rules = Readonly<JsonObject>;

/** The rules of a field. */
export function rulesOf(field: DescField): Rules {
  return members(toJson(FieldRulesSchema, getOption(field, fieldRules)));
}

/** The rules of a message as a whole. */
export function messageRulesOf(message: DescMessage): Rules {
  return members(toJson(MessageRulesSchema, getOption(message, messageRules)));
}

/** Whether one member of a oneof must be set. */
export function isOneofRequired(oneof: DescOneof): boolean {
  return getOption(oneof, oneofRules).required;
}

const validator = createValidator();

/**
 * The fields that a message cannot do without: those that are at fault in an empty one. A rule such as min_len makes a
 * field required without saying so.
 */
export function requiredFields(message: DescMessage): ReadonlySet<DescField> {
  const result = validator.validate(message, create(message));
  // An "error" is a rule that cannot be evaluated; the service that runs it says so.
  const violations = result.kind === "invalid" ? result.violations : [];
  const first = violations.map(({ field: [step] }) => step);
  return new Set(first.filter((step) => step?.kind === "field"));
}

/** Sentences for the rules written in CEL: their message, else the expression itself. */
export function celNotes(rules: Rules): string[] {
  const written = list(rules.cel).map((rule) => {
    const { message = "", expression = "" } = members(rule);
    return message === "" ? `Must satisfy \`${expression}\`.` : `Rule: ${message}.`;
  });
  return [...written, ...list(rules.celExpression).map((expression) => `Must satisfy \`${expression}\`.`)];
}

/** The members of a JSON object, none for any other value. */
export function members(value: JsonValue | undefined): Rules {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

/** The elements of a JSON array, none for any other value. */
export function list(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : [];
}
