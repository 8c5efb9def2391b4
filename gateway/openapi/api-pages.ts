import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import { stringify } from "yaml";
import type { Exchange } from "../http/exchange.ts";
import { send } from "../http/send.ts";
import type { Schema } from "./value-schema.ts";

/** Answers what describes the API: /openapi.json, /openapi.yaml, /docs and its files. False for every other path. */
export type ApiPages = (exchange: Exchange) => boolean;

/** What the pages show. Each is made once, when somebody first asks for it. */
export interface ApiDescription {
  /** The OpenAPI document. */
  document(): Schema;
  /** The contracts as an image, at /docs/contracts.binpb. */
  image(): Uint8Array;
}

interface Page {
  readonly type: string;
  readonly content: string | Uint8Array;
  /** Strong: it changes with every byte. */
  readonly etag: string;
}

const folder = new URL("page/", import.meta.url);

/** Paths that a rule of a contract cannot have beside the pages. */
export const apiPaths: readonly string[] = ["/openapi.json", "/openapi.yaml", "/docs"];

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The page runs its own files only, and calls nobody but the server that it comes from. */
const pageHeaders = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-cache",
};

/** Creates the pages. */
export function createApiPages({ document, image }: ApiDescription): ApiPages {
  const pages = new Map<string, () => Page>([
    ["/openapi.json", () => page("application/json", JSON.stringify(document()))],
    // RFC 9512
    ["/openapi.yaml", () => page("application/yaml", openApiYaml(document()))],
    ["/docs/contracts.binpb", () => page("application/octet-stream", image())],
    ["/docs", () => readPage("index.html")],
    ...readdirSync(folder).map((file) => [`/docs/${file}`, () => readPage(file)] as const),
  ]);
  const made = new Map<string, Page>();

  return (exchange) => {
    const { path, method, request, notes } = exchange;
    const make = pages.get(path);
    if (make === undefined || (method !== "GET" && method !== "HEAD")) return false;
    notes.route = path;
    const { type, content, etag } = made.get(path) ?? make();
    made.set(path, { type, content, etag });
    if (request.headers["if-none-match"]?.includes(etag)) send(exchange, 304, { ETag: etag, ...pageHeaders });
    else send(exchange, 200, { "Content-Type": type, ETag: etag, ...pageHeaders }, content);
    return true;
  };
}

/** The document as YAML. */
export function openApiYaml(document: Schema): string {
  return stringify(document, { aliasDuplicateObjects: false, lineWidth: 0 });
}

function readPage(file: string): Page {
  return page(types[extname(file)] ?? "application/octet-stream", readFileSync(new URL(file, folder), "utf8"));
}

function page(type: string, content: string | Uint8Array): Page {
  const etag = `"${createHash("sha256").update(content).digest("base64url").slice(0, 22)}"`;
  return { type, content, etag };
}
