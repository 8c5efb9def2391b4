import type { Check } from "./finding.ts";
import { createInstances, type Instances, type Step, type World } from "./instance.ts";
import type { Judge } from "./judge.ts";
import type { Model } from "./model.ts";
import { unrestOf } from "./rest.ts";

/** States of one instance that the keys of states can tell apart. */
const mostInstanceStates = 60_000;

/** How far an exploration goes. */
export interface Limits {
  /** Most states. */
  readonly maxStates: number;
  /** When to give up, as performance.now() counts, in milliseconds. */
  readonly deadline: number;
  /** Told now and then how many states were found, and how many of them were looked at. */
  readonly progress?: ((states: number, visited: number) => void) | undefined;
}

/** What ended a search too early: the limits, or more states of one instance than can be told apart. */
export type Bound = "states" | "time" | "states of one instance";

/** What is explored. */
export interface Exploring {
  readonly model: Model;
  readonly judge: Judge;
  readonly sagas: number;
  readonly world: World;
  readonly limits: Limits;
}

/** A step of a story: which instance took it, and how. `step` is undefined for one that must not happen. */
export interface Taken {
  /** Number of the instance, from 0. */
  readonly saga: number;
  readonly trigger: number;
  readonly step: Step | undefined;
  /** State of the instance before. */
  readonly from: number;
}

/** The shortest way to something that must not be. */
export interface Violation {
  readonly check: Check;
  readonly problem: string;
  /** The trigger at fault, when there is one. */
  readonly trigger: number | undefined;
  readonly path: readonly Taken[];
}

/** A way in which a single instance ends. */
export interface End {
  /** Index of each participant's state. */
  readonly states: readonly number[];
  /** Whether the pivot was taken. */
  readonly pivoted: boolean;
  /** The shortest way. */
  readonly path: readonly Taken[];
}

/** What an exploration has found. */
export interface Exploration {
  readonly sagas: number;
  readonly states: number;
  /** What was hit before every reachable state was seen. Undefined when all were, or when a violation ended the search. */
  readonly bound: Bound | undefined;
  /** Each kind of violation once, nearest first. */
  readonly violations: readonly Violation[];
  /** For a single instance every end once, nearest first. */
  readonly ends: readonly End[];
  readonly instances: Instances;
}

interface Node {
  readonly ids: readonly number[];
  readonly counters: readonly number[];
}

interface Search extends Exploring {
  readonly instances: Instances;
  readonly seen: Map<string, number>;
  readonly nodes: Node[];
  /** For each node its parent, and the place and the step of the parent that led to it. */
  readonly parents: number[];
  readonly places: number[];
  readonly taken: number[];
  readonly violations: Map<string, Violation>;
  readonly ends: Map<string, End>;
}

/**
 * Visits every reachable state, nearest first. Instances are alike, so that states which differ only in who is who
 * count once. With several instances the first violation ends the search.
 */
export function explore(exploring: Exploring): Exploration {
  const instances = createInstances(exploring.model, exploring.world);
  const search: Search = {
    ...exploring,
    instances,
    seen: new Map(),
    nodes: [],
    parents: [],
    places: [],
    taken: [],
    violations: new Map(),
    ends: new Map(),
  };
  const { sagas, model, limits, violations, nodes } = search;
  const first = Array.from({ length: sagas }, () => instances.initial);
  add(search, { ids: first, counters: model.saga.counters.map(({ initial }) => initial) }, [-1, 0, 0]);
  let bound: Bound | undefined;
  for (let at = 0; at < nodes.length; at++) {
    if (sagas > 1 && violations.size > 0) break;
    if (at % 4096 === 0) limits.progress?.(nodes.length, at);
    bound = boundAt(search, at);
    if (bound) break;
    expand(search, at);
  }
  const ends = [...search.ends.values()];
  return { sagas, states: nodes.length, bound, violations: [...violations.values()], ends, instances };
}

function boundAt({ nodes, instances, limits }: Search, at: number): Bound | undefined {
  if (nodes.length > limits.maxStates) return "states";
  if (instances.size > mostInstanceStates) return "states of one instance";
  // The clock is read now and then only: that costs more than a state.
  return at % 256 === 0 && performance.now() >= limits.deadline ? "time" : undefined;
}

function add(search: Search, node: Node, [parent, place, taken]: [number, number, number]): number | undefined {
  const key = String.fromCharCode(...node.ids, ...node.counters.map((count) => count + 1024));
  if (search.seen.has(key)) return undefined;
  const index = search.nodes.length;
  search.seen.set(key, index);
  search.nodes.push(node);
  search.parents.push(parent);
  search.places.push(place);
  search.taken.push(taken);
  return index;
}

function expand(search: Search, at: number): void {
  const { nodes, instances } = search;
  const node = nodes[at];
  if (!node) return;
  let moving = false;
  for (const [place, id] of node.ids.entries()) {
    // Instances in the same state have the same steps.
    if (place > 0 && node.ids[place - 1] === id) continue;
    const { steps, missteps } = instances.steps(id);
    for (const { trigger, check } of missteps) noteMisstep(search, { at, place, trigger, check });
    for (const [index, step] of steps.entries()) {
      const counters = node.counters.map((count, counter) => count + (step.change[counter] ?? 0));
      if (counters.some((count) => count < 0)) continue;
      moving ||= step.certain;
      const ids = node.ids.with(place, step.next).sort(ascending);
      const added = add(search, { ids, counters }, [at, place, index]);
      if (added !== undefined) inspect(search, added, step.next);
    }
  }
  if (moving) return;
  inspectRest(search, at);
  noteEnd(search, at);
}

function ascending(a: number, b: number): number {
  return a - b;
}

/** Looks at what a step has changed: its own instance, and the counters. */
function inspect(search: Search, at: number, id: number): void {
  const { judge, instances, nodes, sagas, model } = search;
  // What one instance breaks by itself was found when there was only one; counters may have let more happen since.
  for (const rule of judge.broken(instances.state(id), false)) {
    note(search, { at, check: "violated rule", problem: `broken: ${rule}`, key: rule });
  }
  const node = nodes[at];
  if (!node || model.saga.counters.length === 0) return;
  const states = node.ids.map((each) => instances.state(each));
  for (const rule of judge.brokenByAll(states, node.counters)) {
    note(search, { at, check: "violated rule", problem: `broken with ${sagas} at once: ${rule}`, key: rule });
  }
}

/** Looks at a state in which nothing happens by itself any more. */
function inspectRest(search: Search, at: number): void {
  for (const id of search.nodes[at]?.ids ?? []) {
    for (const found of unrestOf(search.instances.state(id), search)) {
      note(search, { at, check: "illegal resting state", ...found });
    }
  }
}

function noteEnd({ ends, ...search }: Search, at: number): void {
  const [id, ...others] = search.nodes[at]?.ids ?? [];
  if (id === undefined || others.length > 0 || at === 0) return;
  const { states, pivoted } = search.instances.state(id);
  const key = states.join();
  if (!ends.has(key)) ends.set(key, { states, pivoted, path: pathTo({ ...search, ends }, at, undefined) });
}

interface Noted {
  readonly at: number;
  readonly check: Check;
  readonly problem: string;
  /** What tells it from others of its kind. */
  readonly key: string;
  readonly trigger?: number | undefined;
  readonly last?: Omit<Taken, "saga"> & { readonly place: number };
}

function note(search: Search, { at, check, problem, key, trigger, last }: Noted): void {
  const name = `${check} ${key}`;
  if (search.violations.has(name)) return;
  search.violations.set(name, { check, problem, trigger, path: pathTo(search, at, last) });
}

interface NotedMisstep {
  readonly at: number;
  readonly place: number;
  readonly trigger: number;
  readonly check: Check;
}

function noteMisstep(search: Search, { at, place, trigger, check }: NotedMisstep): void {
  const { model, instances, nodes } = search;
  const from = nodes[at]?.ids[place] ?? 0;
  const { method, participant = 0, event } = model.triggers[trigger] ?? {};
  const machine = model.participants[participant];
  const state = machine?.states[instances.state(from).states[participant] ?? 0] ?? "NONE";
  const what = event?.message.name ?? `the result of ${method?.name}`;
  const problem = {
    "unspecified reception": `${what} reaches ${machine?.alias} in ${state}, which says nothing about it`,
    "endless announcements": `${method?.name} announces without end in ${state}`,
    "undone after the pivot": `${method?.name} takes a step that belongs before the decision, in ${state}`,
  }[check as "unspecified reception"];
  note(search, {
    at,
    check,
    problem,
    key: `${trigger} ${state}`,
    trigger,
    last: { place, trigger, step: undefined, from },
  });
}

/** Tells the way to a node, with instances that keep their numbers although nodes list them sorted. */
function pathTo(search: Search, at: number, last: Noted["last"]): Taken[] {
  const chain: number[] = [];
  for (let node = at; node > 0; node = search.parents[node] ?? 0) chain.unshift(node);
  let order = (search.nodes[0]?.ids ?? []).map((id, saga) => ({ id, saga }));
  const path = chain.flatMap((node) => {
    const place = search.places[node] ?? 0;
    const before = order[place];
    const step = before && search.instances.steps(before.id).steps[search.taken[node] ?? 0];
    if (!before || !step) return [];
    order = order.with(place, { ...before, id: step.next }).toSorted((a, b) => a.id - b.id);
    return [{ saga: before.saga, trigger: step.trigger, step, from: before.id }];
  });
  const actor = last && order[last.place];
  return last && actor ? [...path, { ...last, saga: actor.saga }] : path;
}
