import { type DescMethod, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type HttpRule, HttpRuleSchema } from "#gen/google/api/http_pb.ts";
import { didYouMean, httpRulesOf } from "#mesh/contract";
import { selects } from "./selector.ts";

/** Says which HTTP rules a method has. */
export type RulesOf = (method: DescMethod) => readonly HttpRule[];

/**
 * Reads `http.rules` of a service configuration: google.api.HttpRule in JSON, each with a selector. Adds a fault for each
 * that cannot be read.
 */
export function readHttpRules(rules: readonly JsonValue[], faults: string[]): HttpRule[] {
  return rules.flatMap((json, at) => {
    try {
      const rule = fromJson(HttpRuleSchema, json);
      if (rule.selector !== "") return [rule];
      faults.push(`http.rules[${at}]: it has no selector. Mend: name a method, such as acme.users.v1.Users.GetUser.`);
    } catch (cause) {
      faults.push(`http.rules[${at}]: ${cause instanceof Error ? cause.message : cause}.`);
    }
    return [];
  });
}

/**
 * Lays configured rules over the annotations of methods: the last rule that selects a method is its only one, with its
 * additional bindings; one without a path takes the REST form away. Adds a fault for each that selects nothing.
 */
export function overrideRules(rules: readonly HttpRule[], methods: readonly DescMethod[], faults: string[]): RulesOf {
  const names = methods.map(nameOf);
  for (const { selector } of rules) {
    if (names.some((name) => selects(selector, name))) continue;
    faults.push(`http.rules: "${selector}" selects no method that is served${didYouMean(selector, names)}`);
  }
  return (method) => {
    const rule = rules.findLast(({ selector }) => selects(selector, nameOf(method)));
    if (!rule) return httpRulesOf(method);
    return rule.pattern.case === undefined ? [] : [rule, ...rule.additionalBindings];
  };
}

function nameOf({ parent, name }: DescMethod): string {
  return `${parent.typeName}.${name}`;
}
