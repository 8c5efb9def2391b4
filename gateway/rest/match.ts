import { decodeSegment, decodeSegments } from "./percent.ts";
import type { Template, Variable } from "./route-template.ts";

/** Answer of the matcher: a route with the values of its variables, or the methods that the path has, maybe none. */
export type Match<R> =
  | { readonly found: true; readonly route: R; readonly values: readonly string[] }
  | { readonly found: false; readonly methods: readonly string[] };

/** Routes by path. `R` is whatever the caller hangs on a template. */
export interface RouteTree<R> {
  /** Adds a route; answers false when the same template shape and method already has one. */
  add(httpMethod: string, template: Template, route: R): boolean;
  /**
   * Finds the route of a raw, still percent-encoded path that begins with "/". Only routes of the method (or of "*",
   * after those) count; among them a literal comes before "*" before "**", segment by segment from the left, then a
   * verb before none. The order of `add` does not matter. Throws 400 for a broken escape.
   */
  match(httpMethod: string, path: string): Match<R>;
}

interface Entry<R> {
  readonly route: R;
  readonly variables: readonly Variable[];
}

interface Node<R> {
  readonly literals: Map<string, Node<R>>;
  one: Node<R> | undefined;
  rest: Node<R> | undefined;
  /** Routes that end here, by verb and method. */
  readonly ends: Map<string, Map<string, Entry<R>>>;
}

interface Walk {
  readonly httpMethod: string;
  /** Raw segments, and the same decoded for comparison with literals. */
  readonly raw: readonly string[];
  readonly decoded: readonly string[];
  /** The last segment without its verb, when it ends with a verb that some route has. */
  readonly cut: { readonly raw: string; readonly decoded: string; readonly verb: string } | undefined;
  readonly methods: string[];
}

interface Hit<R> {
  readonly entry: Entry<R>;
  readonly verb: string;
}

/** Creates an empty tree. */
export function createRouteTree<R>(): RouteTree<R> {
  const root = createNode<R>();
  const verbs = new Set<string>();
  return {
    add(httpMethod, template, route) {
      const ends = endsOf(nodeOf(root, template), template.verb);
      if (ends.has(httpMethod)) return false;
      ends.set(httpMethod, { route, variables: template.variables });
      if (template.verb !== "") verbs.add(template.verb);
      return true;
    },
    match(httpMethod, path) {
      const walk = beginWalk(httpMethod, path, verbs);
      const hit = visit(walk, root, 0);
      if (hit === undefined) return { found: false, methods: [...new Set(walk.methods)].sort() };
      return { found: true, route: hit.entry.route, values: capture(walk, hit) };
    },
  };
}

function createNode<R>(): Node<R> {
  return { literals: new Map(), one: undefined, rest: undefined, ends: new Map() };
}

function nodeOf<R>(root: Node<R>, template: Template): Node<R> {
  let node = root;
  for (const segment of template.segments) {
    if (segment.kind === "literal") {
      const next = node.literals.get(segment.text) ?? createNode<R>();
      node.literals.set(segment.text, next);
      node = next;
    } else {
      node[segment.kind] ??= createNode<R>();
      node = node[segment.kind] ?? node;
    }
  }
  return node;
}

function endsOf<R>(node: Node<R>, verb: string): Map<string, Entry<R>> {
  const ends = node.ends.get(verb) ?? new Map<string, Entry<R>>();
  node.ends.set(verb, ends);
  return ends;
}

function beginWalk(httpMethod: string, path: string, verbs: ReadonlySet<string>): Walk {
  const raw = path.slice(1).split("/");
  const decoded = path.includes("%") ? raw.map(decodeSegment) : raw;
  const last = raw.at(-1) ?? "";
  const colon = last.lastIndexOf(":");
  const verb = last.slice(colon + 1);
  const cutRaw = last.slice(0, colon);
  const cut = colon >= 0 && verbs.has(verb) ? { raw: cutRaw, decoded: decodeSegment(cutRaw), verb } : undefined;
  return { httpMethod, raw, decoded, cut, methods: [] };
}

/** Each node is reached by one way only, so a walk visits no node twice. */
function visit<R>(walk: Walk, node: Node<R>, index: number): Hit<R> | undefined {
  if (index === walk.raw.length - 1) return visitLast(walk, node, index);
  const literal = node.literals.get(walk.decoded[index] ?? "");
  return (
    (literal && visit(walk, literal, index + 1)) ??
    (node.one && walk.raw[index] !== "" ? visit(walk, node.one, index + 1) : undefined) ??
    visitRest(walk, node)
  );
}

function visitLast<R>(walk: Walk, node: Node<R>, index: number): Hit<R> | undefined {
  const { cut } = walk;
  const whole = walk.decoded[index] ?? "";
  return (
    visitEnd(walk, cut && node.literals.get(cut.decoded), node.literals.get(whole)) ??
    visitEnd(walk, cut && cut.raw !== "" ? node.one : undefined, whole === "" ? undefined : node.one) ??
    visitRest(walk, node)
  );
}

/** The path ends at one of these nodes, with its verb cut off or whole, or goes on with a "**" that takes nothing. */
function visitEnd<R>(walk: Walk, cutNode: Node<R> | undefined, wholeNode: Node<R> | undefined): Hit<R> | undefined {
  return pickEither(walk, cutNode, wholeNode) ?? pickEither(walk, cutNode?.rest, wholeNode?.rest);
}

function visitRest<R>(walk: Walk, node: Node<R>): Hit<R> | undefined {
  return pickEither(walk, node.rest, node.rest);
}

function pickEither<R>(walk: Walk, cutNode: Node<R> | undefined, wholeNode: Node<R> | undefined): Hit<R> | undefined {
  return (
    (cutNode && walk.cut ? pick(walk, cutNode, walk.cut.verb) : undefined) ??
    (wholeNode ? pick(walk, wholeNode, "") : undefined)
  );
}

function pick<R>(walk: Walk, node: Node<R>, verb: string): Hit<R> | undefined {
  const ends = node.ends.get(verb);
  if (ends === undefined) return undefined;
  const entry = ends.get(walk.httpMethod) ?? ends.get("*");
  if (entry) return { entry, verb };
  walk.methods.push(...ends.keys());
  return undefined;
}

function capture<R>(walk: Walk, { entry, verb }: Hit<R>): string[] {
  if (entry.variables.length === 0) return [];
  const raw = verb === "" || walk.cut === undefined ? walk.raw : [...walk.raw.slice(0, -1), walk.cut.raw];
  return entry.variables.map(({ start, end, multi }) =>
    multi ? decodeSegments(raw.slice(start, end).join("/")) : decodeSegment(raw[start] ?? ""),
  );
}
