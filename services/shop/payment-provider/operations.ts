import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Database, Transaction } from "#mesh/db";
import { type Answer, errorAnswer } from "./answer.ts";
import {
  type Authorization,
  type AuthorizationRequest,
  authorize,
  capture,
  ProviderConflict,
  slowPaymentMethod,
  voidAuthorization,
} from "./authorization.ts";
import { findAnswer, findAuthorization, lockReference, saveAnswer, saveAuthorization } from "./repository.ts";

/** What a merchant may ask for. */
export type Operation =
  | { readonly kind: "authorize"; readonly request: AuthorizationRequest }
  | { readonly kind: "capture" | "void"; readonly reference: string };

/** Runs operations, each idempotency key once: whoever repeats a key gets the first answer, also while it is worked on. */
export interface Operations {
  perform(idempotencyKey: string, operation: Operation): Promise<Answer>;
}

/** What operations need. */
export interface OperationsOptions {
  readonly database: Database;
  /** How long `pm_card_slow` takes, in milliseconds. */
  readonly slowAnswerMs: number;
  /** Ends slow answers when the provider stops. */
  readonly signal: AbortSignal;
}

/** Builds the operations of the provider on its database. */
export function createOperations(options: OperationsOptions): Operations {
  const running = new Map<string, { fingerprint: string; answer: Promise<Answer> }>();
  return {
    async perform(idempotencyKey, operation) {
      const fingerprint = digest(operation);
      const first = running.get(idempotencyKey);
      if (first) return first.fingerprint === fingerprint ? first.answer : keyReused(idempotencyKey);
      const answer = run(options, operation, { idempotencyKey, fingerprint });
      running.set(idempotencyKey, { fingerprint, answer });
      try {
        return await answer;
      } finally {
        running.delete(idempotencyKey);
      }
    },
  };
}

interface Key {
  readonly idempotencyKey: string;
  readonly fingerprint: string;
}

async function run(options: OperationsOptions, operation: Operation, key: Key): Promise<Answer> {
  const { database, slowAnswerMs, signal } = options;
  const given = await findAnswer(database.orm, key.idempotencyKey);
  if (given) return repeat(given, key);
  if (operation.kind === "authorize" && operation.request.paymentMethod === slowPaymentMethod) {
    await delay(slowAnswerMs, undefined, { signal });
  }
  return database.transaction(async (tx) => {
    await lockReference(tx, referenceOf(operation));
    const meanwhile = await findAnswer(tx, key.idempotencyKey);
    if (meanwhile) return repeat(meanwhile, key);
    const answer = await decide(tx, operation);
    // A conflict may pass, so it is answered anew each time.
    if (answer.status === 200) await saveAnswer(tx, key, answer);
    return answer;
  });
}

async function decide(tx: Transaction, operation: Operation): Promise<Answer> {
  const known = await findAuthorization(tx, referenceOf(operation));
  try {
    const value = next(known, operation);
    await saveAuthorization(tx, value);
    return { status: 200, body: value };
  } catch (error) {
    if (error instanceof ProviderConflict) return errorAnswer(error.status, error.code, error.message);
    throw error;
  }
}

function next(known: Authorization | undefined, operation: Operation): Authorization {
  switch (operation.kind) {
    case "authorize":
      return authorize(known, operation.request);
    case "capture":
      return capture(known, operation.reference);
    case "void":
      return voidAuthorization(known, operation.reference);
  }
}

function referenceOf(operation: Operation): string {
  return operation.kind === "authorize" ? operation.request.reference : operation.reference;
}

function repeat(given: Answer & { fingerprint: string }, key: Key): Answer {
  const { fingerprint, status, body } = given;
  return fingerprint === key.fingerprint ? { status, body } : keyReused(key.idempotencyKey);
}

function keyReused(idempotencyKey: string): Answer {
  return errorAnswer(422, "idempotency_key_reused", `key ${idempotencyKey} was used for another request`);
}

function digest(operation: Operation): string {
  return createHash("sha256").update(JSON.stringify(operation)).digest("hex");
}
