import { createHash } from "node:crypto";
import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { MethodPolicy } from "#mesh/contract";
import type { User } from "#mesh/identity";
import type { Logger } from "#mesh/telemetry";
import { EdgeError } from "../http/edge-error.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Answer } from "../http/message.ts";
import { send } from "../http/send.ts";
import { isUnary } from "../rpc/method-kind.ts";
import type { ClientOf } from "./client-address.ts";
import { readIdempotencyKey } from "./idempotency-key.ts";
import type { IdempotencyStore, KeptAnswer } from "./idempotency-store.ts";
import { tryLater } from "./try-later.ts";
import { TimeoutError, within } from "./within.ts";

/** Lets a request with an Idempotency-Key have its effect once. */
export interface Idempotency {
  /**
   * Looks for a key, where the method is one that has an effect each time: a unary one without idempotency_level, by POST.
   * Then the exchange is told to ask before it calls the service. Throws 400 for a malformed key.
   */
  admit(exchange: Exchange, policy: MethodPolicy, user: User | undefined): void;
  /** Resolves when every such request has its answer kept, or after `ms` milliseconds. */
  settled(ms: number): Promise<void>;
}

/** What it works with. */
export interface IdempotencyOptions {
  readonly store: IdempotencyStore;
  readonly clientOf: ClientOf;
  /** How long an answer is kept, in milliseconds. */
  readonly lifeMs: number;
  readonly log: Logger;
}

/** What a request may take beyond its method's deadline before it counts as interrupted, in milliseconds. */
const graceMs = 5_000;

/** Creates it. The same key of the same user is the same request; where nobody is signed in, of the same address. */
export function createIdempotency(options: IdempotencyOptions): Idempotency {
  const { store, clientOf, lifeMs, log } = options;
  const running = new Set<Promise<void>>();

  /** From here on the request has its effect and its answer kept, whether its client stays or not. */
  function begin(exchange: Exchange, key: string): void {
    const over = Promise.withResolvers<void>();
    running.add(over.promise);
    exchange.outlivesClient = true;
    exchange.beforeAnswer = async (answer) => {
      const kept = isFinal(exchange, answer) ? store.keep(key, keptOf(answer)) : store.release(key);
      await kept.catch((error: unknown) => {
        log.error({ err: error, requestId: exchange.requestId }, "the answer of a keyed request is not kept");
      });
      running.delete(over.promise);
      over.resolve();
    };
  }

  async function beforeCall(exchange: Exchange, key: string, claimed: Claimed): Promise<boolean> {
    const times = { leaseMs: Math.min(claimed.policy.deadlineMs + graceMs, lifeMs), lifeMs };
    const claim = await store.claim(key, fingerprintOf(exchange, claimed.body), times).catch((error: unknown) => {
      log.error({ err: error, requestId: exchange.requestId }, "keyed requests cannot be looked up");
      throw tryLater("requests with an Idempotency-Key cannot be looked up", Code.Unavailable);
    });
    if (claim.state === "first") begin(exchange, key);
    if (claim.state === "running")
      throw tryLater("the first request with this Idempotency-Key is under way", Code.Aborted);
    if (claim.state === "interrupted") throw interrupted();
    if (claim.state === "other") throw reused();
    if (claim.state !== "answered") return false;
    const { status, headers, body } = claim.answer;
    exchange.notes.replayed = true;
    send(exchange, status, { ...headers, "Idempotent-Replayed": "true" }, body);
    return true;
  }

  return {
    admit(exchange, policy, user) {
      if (exchange.method !== "POST" || !hasEffect(policy)) return;
      const key = readIdempotencyKey(exchange);
      if (key === undefined) return;
      const whose = user ? `user ${user.id}` : `address ${clientOf(exchange)}`;
      exchange.beforeCall = (body) => beforeCall(exchange, `${whose}\n${key}`, { policy, body });
    },
    async settled(ms) {
      if (running.size === 0) return;
      await within(ms, Promise.all(running)).catch((error: unknown) => {
        if (!(error instanceof TimeoutError)) throw error;
        log.warn({ running: running.size }, "keyed requests are interrupted");
      });
    },
  };
}

interface Claimed {
  readonly policy: MethodPolicy;
  readonly body: Uint8Array | undefined;
}

/** Whether each call of a method has an effect of its own. */
export function hasEffect({ method }: MethodPolicy): boolean {
  return isUnary(method) && method.idempotency === IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
}

function fingerprintOf({ path, query, request }: Exchange, body: Uint8Array | undefined): Buffer {
  // A form that is sent again has another boundary.
  const contentType = request.headers["content-type"]?.replace(/;\s*boundary=[^;]*/i, "") ?? "";
  const head = JSON.stringify([path, query, contentType]);
  return createHash("sha256")
    .update(head)
    .update(body ?? "")
    .digest();
}

/**
 * Whether an answer ends the matter. One that asks to come again later, or that the service has certainly not given,
 * leaves the key free; any other failure does not, since nobody knows what it has left behind.
 */
function isFinal({ notes }: Exchange, { status }: Answer): boolean {
  return status !== 429 && !notes.unseen;
}

function keptOf({ status, headers, body }: Answer): KeptAnswer {
  const kept = Object.entries(headers).filter(([, value]) => value !== undefined);
  const texts = Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
  return { status, headers: texts, body: typeof body === "string" ? Buffer.from(body) : body };
}

function interrupted(): ConnectError {
  const message =
    "the first request with this Idempotency-Key was interrupted, and may have had its effect: look before it is sent with another key";
  return new ConnectError(message, Code.Aborted);
}

function reused(): EdgeError {
  const message = "this Idempotency-Key belongs to another request: each request needs its own";
  return new EdgeError(message, Code.InvalidArgument, { status: 422 });
}
