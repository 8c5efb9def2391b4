import type { IncomingMessage } from "node:http";
import { z } from "zod";
import type { Operation } from "./operations.ts";

/** What a request asks the provider for. */
export type ProviderRequest =
  | { readonly kind: "operation"; readonly idempotencyKey: string; readonly operation: Operation }
  | { readonly kind: "get"; readonly reference: string }
  | { readonly kind: "list" }
  | { readonly kind: "health" };

/** A request that makes no sense. The status and code go back to the client. */
export class BadRequest extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const maxBodyBytes = 64 * 1024;
const reference = z.string().regex(/^[A-Za-z0-9_-]{1,100}$/, "must be 1 to 100 letters, digits, - or _");
const authorizationRequest = z.object({
  reference,
  amount: z.object({
    currencyCode: z.string().regex(/^[A-Z]{3}$/, "must be an ISO 4217 code"),
    units: z.string().regex(/^(0|[1-9]\d{0,15})$/, "must be a whole number in a string"),
    nanos: z.number().int().min(0).max(999_999_999),
  }),
  paymentMethod: z.string().min(1).max(100),
});

/** Reads a request. Throws `BadRequest` for an unknown path, a wrong method, or a body that does not fit. */
export async function readRequest(message: IncomingMessage): Promise<ProviderRequest> {
  const { pathname } = new URL(message.url ?? "/", "http://provider");
  if (pathname === "/healthz") return requireMethod(message, "GET", { kind: "health" });
  const match = /^\/v1\/authorizations(?:\/([A-Za-z0-9_-]{1,100})(?:\/(capture|void))?)?$/.exec(pathname);
  if (!match) throw new BadRequest(404, "not_found", `there is nothing at ${pathname}`);
  const [, named, step] = match;
  if (!named)
    return message.method === "POST" ? authorization(message) : requireMethod(message, "GET", { kind: "list" });
  if (step !== "capture" && step !== "void") return requireMethod(message, "GET", { kind: "get", reference: named });
  const operation: Operation = { kind: step, reference: named };
  return requireMethod(message, "POST", { kind: "operation", idempotencyKey: keyOf(message), operation });
}

async function authorization(message: IncomingMessage): Promise<ProviderRequest> {
  const idempotencyKey = keyOf(message);
  const parsed = authorizationRequest.safeParse(await readJson(message));
  if (!parsed.success) throw new BadRequest(400, "invalid_request", z.prettifyError(parsed.error));
  return { kind: "operation", idempotencyKey, operation: { kind: "authorize", request: parsed.data } };
}

function requireMethod<T>(message: IncomingMessage, method: string, request: T): T {
  if (message.method === method) return request;
  throw new BadRequest(405, "method_not_allowed", `use ${method}`);
}

function keyOf(message: IncomingMessage): string {
  const key = message.headers["idempotency-key"];
  if (message.method !== "POST") return "";
  if (typeof key === "string" && key !== "" && key.length <= 255) return key;
  throw new BadRequest(400, "idempotency_key_required", "send an Idempotency-Key header of 1 to 255 characters");
}

async function readJson(message: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new BadRequest(413, "body_too_large", `at most ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    // What the parser says is of no use to the client beyond this.
    throw new BadRequest(400, "invalid_json", "the body is not JSON");
  }
}
