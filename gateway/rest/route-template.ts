/** One segment of a path: a literal (decoded), "*" for exactly one, "**" for zero or more. */
export type Segment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "one" }
  | { readonly kind: "rest" };

/** A part of the path that is bound to a request field. */
export interface Variable {
  /** Path of the field, such as "book.name". */
  readonly field: string;
  /** Index of its first segment. */
  readonly start: number;
  /** Index after its last segment; undefined where it reaches the end of the path. */
  readonly end: number | undefined;
  /** Whether the template gives it anything but a single segment, which decides how it is percent-decoded. */
  readonly multi: boolean;
}

/** A parsed path template of google.api.http. */
export interface Template {
  readonly text: string;
  readonly segments: readonly Segment[];
  /** The custom verb after the last colon, "" for none. */
  readonly verb: string;
  readonly variables: readonly Variable[];
}

/** A template that breaks the grammar. `column` counts from 1. */
export class TemplateError extends Error {
  readonly column: number;

  constructor(problem: string, column: number) {
    super(`${problem} at column ${column}`);
    this.name = "TemplateError";
    this.column = column;
  }
}

interface Cursor {
  readonly text: string;
  at: number;
  readonly segments: Segment[];
  readonly columns: number[];
  readonly variables: Variable[];
}

const literalPattern = /(?:[A-Za-z0-9\-._~!$&'()+,;@\u0080-\uffff]|%[0-9A-Fa-f]{2})+/y;
const fieldPathPattern = /[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*/y;

/**
 * Parses a template by the grammar of google/api/http.proto:
 * `"/" Segments [":" LITERAL]`, segments being `*`, `**`, literals and `{field.path[=Segments]}`. Variables do not
 * nest, no segment is empty, and `**` is last but for the verb. Throws TemplateError.
 */
export function parseTemplate(text: string): Template {
  const cursor: Cursor = { text, at: 0, segments: [], columns: [], variables: [] };
  if (!take(cursor, "/")) throw fault(cursor, 'a template begins with "/"; expected it');
  readSegments(cursor, true);
  const verb = take(cursor, ":") ? readLiteral(cursor, "a verb") : "";
  if (cursor.at < text.length) throw fault(cursor, `unexpected "${text[cursor.at]}"`);
  checkRestIsLast(cursor);
  return { text, segments: cursor.segments, verb, variables: cursor.variables };
}

function readSegments(cursor: Cursor, variables: boolean): void {
  do {
    readSegment(cursor, variables);
  } while (take(cursor, "/"));
}

function readSegment(cursor: Cursor, variables: boolean): void {
  const column = cursor.at;
  if (cursor.text[column] === "{") {
    if (!variables) throw fault(cursor, "variables do not nest: unexpected variable");
    readVariable(cursor);
    return;
  }
  cursor.columns.push(column);
  if (take(cursor, "**")) cursor.segments.push({ kind: "rest" });
  else if (take(cursor, "*")) cursor.segments.push({ kind: "one" });
  else cursor.segments.push({ kind: "literal", text: readLiteral(cursor, "a segment") });
}

function readVariable(cursor: Cursor): void {
  const column = cursor.at;
  take(cursor, "{");
  const field = takePattern(cursor, fieldPathPattern);
  if (field === undefined) throw fault(cursor, "expected a field path");
  const start = cursor.segments.length;
  if (take(cursor, "=")) readSegments(cursor, false);
  else {
    cursor.columns.push(column);
    cursor.segments.push({ kind: "one" });
  }
  if (!take(cursor, "}")) throw fault(cursor, 'expected "}"');
  if (cursor.variables.some((variable) => variable.field === field)) {
    throw new TemplateError(`field "${field}" is bound twice`, column + 1);
  }
  cursor.variables.push(variableOf(field, start, cursor.segments));
}

function variableOf(field: string, start: number, segments: readonly Segment[]): Variable {
  const reachesEnd = segments.at(-1)?.kind === "rest";
  return {
    field,
    start,
    end: reachesEnd ? undefined : segments.length,
    multi: reachesEnd || segments.length - start > 1,
  };
}

function checkRestIsLast(cursor: Cursor): void {
  const index = cursor.segments.findIndex((segment) => segment.kind === "rest");
  if (index < 0 || index === cursor.segments.length - 1) return;
  throw new TemplateError('"**" must be the last segment; it is not', (cursor.columns[index] ?? 0) + 1);
}

function readLiteral(cursor: Cursor, what: string): string {
  const raw = takePattern(cursor, literalPattern);
  if (raw === undefined) throw fault(cursor, `expected ${what}`);
  try {
    return decodeURIComponent(raw);
  } catch (cause) {
    if (!(cause instanceof URIError)) throw cause;
    throw new TemplateError(`"${raw}" is not percent-encoded UTF-8`, cursor.at - raw.length + 1);
  }
}

function take(cursor: Cursor, token: string): boolean {
  if (!cursor.text.startsWith(token, cursor.at)) return false;
  cursor.at += token.length;
  return true;
}

function takePattern(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at;
  const found = pattern.exec(cursor.text)?.[0];
  cursor.at += found?.length ?? 0;
  return found;
}

function fault(cursor: Cursor, problem: string): TemplateError {
  return new TemplateError(problem, cursor.at + 1);
}
