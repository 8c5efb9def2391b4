import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { call, type HttpAnswer } from "../library.fixture.ts";
import { type RuleCase, ruleCases } from "./rule-cases.fixture.ts";
import { type Asked, startRules } from "./rules.fixture.ts";

let rules: Awaited<ReturnType<typeof startRules>>;
beforeAll(async () => {
  rules = await startRules();
});
afterAll(() => rules[Symbol.asyncDispose]());

test("the table holds at least 150 cases", () => {
  expect(Object.values(ruleCases).flat().length).toBeGreaterThanOrEqual(150);
});

for (const [rule, cases] of Object.entries(ruleCases)) {
  describe(rule, () => {
    for (const one of cases) test(one[0].slice(0, 120), () => check(one));
  });
}

async function check([request, outcome, message]: RuleCase): Promise<void> {
  const [, line = "", body] = /^(\S+ \S+)(?: (.*))?$/s.exec(request) ?? [];
  rules.asked.length = 0;
  const answer = await call(rules.url, line, body === undefined ? {} : { body });
  if (message === undefined) {
    expect(refusalOf(answer)).toContain(outcome);
    expect(rules.asked).toEqual([]);
  } else {
    expect([answer.status, rules.asked]).toEqual([
      answer.status < 300 ? answer.status : 200,
      [asked(outcome, message)],
    ]);
  }
}

function asked(rpc: string, request: Asked["request"]): Asked {
  return { rpc, request };
}

/** The status, and what is wrong: the first violation, else the message. */
function refusalOf({ status, text }: HttpAnswer): string {
  const { message, details } = JSON.parse(text);
  return `${status} ${details[0]?.fieldViolations?.[0]?.description ?? message}`;
}
