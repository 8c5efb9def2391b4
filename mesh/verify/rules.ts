import { type CelInput, celEnv, parse, plan } from "@bufbuild/cel";
import { didYouMean, type RuleContract } from "#mesh/contract";

/** A compiled condition. Throws a RuleError when the expression fails or is no bool. */
export type Rule = (variables: Readonly<Record<string, CelInput>>) => boolean;

/** The names that a rule may use: its variables, and the texts that it may compare with. */
export interface Vocabulary {
  readonly variables: readonly string[];
  readonly texts: readonly string[];
}

/**
 * Compiles a condition. Throws a RuleError for a syntax error, for a variable that does not exist and for a text that is
 * no state: such a comparison would never hold, and the rule would prove nothing.
 */
export function compileRule({ name, cel }: RuleContract, vocabulary: Vocabulary): Rule {
  const parsed = read(name, () => {
    const tree = parse(cel);
    checkWords(tree, vocabulary);
    return tree;
  });
  const evaluate = plan(celEnv(), parsed);
  return (variables) => {
    const result = evaluate({ ...variables });
    if (typeof result === "boolean") return result;
    throw new RuleError(name, result instanceof Error ? result : new TypeError("it is no bool"));
  };
}

/** A rule of a saga cannot be read. */
export class RuleError extends Error {
  override readonly name = "RuleError";

  constructor(rule: string, cause: unknown) {
    super(`the rule "${rule}" cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function read<T>(rule: string, compile: () => T): T {
  try {
    return compile();
  } catch (cause) {
    throw new RuleError(rule, cause);
  }
}

function checkWords(parsed: unknown, { variables, texts }: Vocabulary): void {
  const words = [...wordsOf(parsed)];
  const bound = words.flatMap((word) => (word.kind === "bound" ? [word.text] : []));
  for (const { kind, text } of words) {
    if (kind === "name" && ![...variables, ...bound].includes(text)) {
      throw new Error(`there is no variable "${text}"${didYouMean(text, variables)}`);
    }
    if (kind === "text" && !texts.includes(text)) {
      throw new Error(`there is no state "${text}"${didYouMean(text, texts)}`);
    }
  }
}

interface Word {
  readonly kind: "name" | "text" | "bound";
  readonly text: string;
}

/** Lists names and texts of a syntax tree, whatever its nodes are. */
function* wordsOf(node: unknown): Generator<Word> {
  if (typeof node !== "object" || node === null) return;
  const { case: kind, value } = node as { case?: unknown; value?: unknown };
  if (kind === "stringValue" && typeof value === "string") yield { kind: "text", text: value };
  if (kind === "identExpr") yield { kind: "name", text: textOf(value, "name") };
  if (kind === "comprehensionExpr") {
    for (const field of ["iterVar", "iterVar2", "accuVar"]) yield { kind: "bound", text: textOf(value, field) };
  }
  for (const child of Object.values(node)) yield* wordsOf(child);
}

function textOf(value: unknown, field: string): string {
  const text = typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
  return typeof text === "string" ? text : "";
}
