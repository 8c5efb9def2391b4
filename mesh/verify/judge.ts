import { type CelInput, celMap } from "@bufbuild/cel";
import type { RuleContract } from "#mesh/contract";
import type { InstanceState } from "./instance.ts";
import type { Model } from "./model.ts";
import { compileRule, type Rule } from "./rules.ts";

/** Says which rules a state breaks. */
export interface Judge {
  /** Names of the rules that one instance breaks by its state, at rest or not. */
  broken(state: InstanceState, resting: boolean): readonly string[];
  /** Names of the rules of counters that all instances together break. */
  brokenByAll(states: readonly InstanceState[], counters: readonly number[]): readonly string[];
}

interface Compiled {
  readonly name: string;
  readonly holds: Rule;
}

/** Compiles a saga's rules. Throws a RuleError for one that cannot be read. */
export function createJudge(model: Model): Judge {
  const always = compileFor(model, model.saga.always);
  const atRest = compileFor(model, model.saga.atRest);
  const counters = model.saga.counters.map(({ name, initial, always: rules }) => ({
    initial,
    rules: compileFor(model, rules, [name, "initial", "sagas"]),
  }));
  const names = model.saga.counters.map(({ name }) => name);
  const known = new Map<string, readonly string[]>();
  return {
    broken(state, resting) {
      const variables = variablesOf(model, state);
      const rules = resting ? [...always, ...atRest] : always;
      return rules.filter(({ holds }) => !holds(variables)).map(({ name }) => name);
    },
    brokenByAll(states, values) {
      const key = `${values.join()};${states.map((state) => state.states.join()).join(";")}`;
      const found = known.get(key);
      if (found) return found;
      const sagas = states.map((state) => celMap(new Map(Object.entries(variablesOf(model, state)))));
      const amounts = Object.fromEntries(names.map((name, index) => [name, BigInt(values[index] ?? 0)]));
      const broken = counters.flatMap(({ initial, rules }) =>
        rules.filter(({ holds }) => !holds({ ...amounts, initial: BigInt(initial), sagas })).map(({ name }) => name),
      );
      known.set(key, broken);
      return broken;
    },
  };
}

function compileFor(model: Model, rules: readonly RuleContract[], counters?: readonly string[]): Compiled[] {
  const variables = counters ?? model.participants.map(({ alias }) => alias);
  const texts = model.participants.flatMap(({ states }) => states);
  return rules.map((rule) => ({ name: rule.name, holds: compileRule(rule, { variables, texts }) }));
}

function variablesOf(model: Model, { states }: InstanceState): Record<string, CelInput> {
  const named = model.participants.map(({ alias, states: names }, index) => [
    alias,
    names[states[index] ?? 0] ?? "NONE",
  ]);
  return Object.fromEntries(named);
}
