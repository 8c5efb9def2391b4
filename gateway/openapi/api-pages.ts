import { createHash } from "node:crypto";
import { stringify } from "yaml";
import type { Exchange } from "../http/exchange.ts";
import { send } from "../http/send.ts";
import type { Schema } from "./value-schema.ts";

/** Answers what describes the API: /openapi.json and /openapi.yaml. False for every other path. */
export type ApiPages = (exchange: Exchange) => boolean;

interface Page {
  readonly type: string;
  readonly text: string;
  /** Strong: it changes with every byte. */
  readonly etag: string;
}

/** Creates the pages. `describe` makes the OpenAPI document when somebody first asks for it. */
export function createApiPages(describe: () => Schema): ApiPages {
  const pages = new Map<string, () => Page>([
    ["/openapi.json", () => page("application/json", JSON.stringify(describe()))],
    // RFC 9512
    ["/openapi.yaml", () => page("application/yaml", openApiYaml(describe()))],
  ]);
  const made = new Map<string, Page>();

  return (exchange) => {
    const { path, method, request, notes } = exchange;
    const make = pages.get(path);
    if (make === undefined || (method !== "GET" && method !== "HEAD")) return false;
    notes.route = path;
    const { type, text, etag } = made.get(path) ?? make();
    made.set(path, { type, text, etag });
    const headers = { ETag: etag, "Cache-Control": "no-cache" };
    if (request.headers["if-none-match"]?.includes(etag)) send(exchange, 304, headers);
    else send(exchange, 200, { "Content-Type": type, ...headers }, text);
    return true;
  };
}

/** The document as YAML. */
export function openApiYaml(document: Schema): string {
  return stringify(document, { aliasDuplicateObjects: false, lineWidth: 0 });
}

function page(type: string, text: string): Page {
  return { type, text, etag: `"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"` };
}
