import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { createLocalJWKSet, type JSONWebKeySet } from "jose";
import type { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { runOutsideScope } from "#mesh/scope";

/** Where the public keys that verify access tokens come from. */
export interface KeySource {
  /** The keys. `fresh` asks for newer ones than those known, because a token names a key that is not among them. */
  keys(options?: { fresh: boolean }): Promise<JSONWebKeySet>;
}

/** How keys are fetched. */
export interface RemoteKeysOptions {
  /** Age at which known keys are fetched again, in milliseconds. Default 10 minutes. */
  readonly maxAgeMs?: number;
  /**
   * Least time between two fetches while keys are known, in milliseconds. Default 5 s. It bounds what forged tokens
   * with made-up key ids can cost.
   */
  readonly coolDownMs?: number;
  /** Longest duration of one fetch, in milliseconds. Default 5 s. */
  readonly timeoutMs?: number;
}

/** Fetches keys from whoever serves heddle.identity.v1.JsonWebKeyService and keeps them, as keptKeys() does. */
export function remoteKeys(client: Client<typeof JsonWebKeyService>, options: RemoteKeysOptions = {}): KeySource {
  return keptKeys(async (timeoutMs) => {
    const { keys } = await client.listJsonWebKeys({}, { timeoutMs });
    return { keys: keys.map(({ kty, crv, x, kid, alg, use }) => ({ kty, crv, x, kid, alg, use })) };
  }, options);
}

/**
 * Keeps what `fetch` brings. Concurrent askers share one fetch. Known keys that have aged are fetched again beside the
 * calls that use them, at twice that age before; while the issuer is away, or sends what is no key set, they stay in use. With none known, `keys`
 * throws Unavailable.
 */
export function keptKeys(
  fetch: (timeoutMs: number) => Promise<JSONWebKeySet>,
  options: RemoteKeysOptions = {},
): KeySource {
  const { maxAgeMs = 600_000, coolDownMs = 5_000, timeoutMs = 5_000 } = options;
  let known: JSONWebKeySet | undefined;
  let fetchedAtMs = 0;
  let triedAtMs = 0;
  let failed = false;
  let fetching: Promise<JSONWebKeySet> | undefined;

  async function fetchKeys(): Promise<JSONWebKeySet> {
    triedAtMs = Date.now();
    try {
      const fetched = await runOutsideScope(() => fetch(timeoutMs));
      // Throws for what is no key set.
      createLocalJWKSet(fetched);
      known = fetched;
      fetchedAtMs = Date.now();
      failed = false;
      return known;
    } catch (cause) {
      failed = true;
      if (known) return known;
      throw new ConnectError(
        "the keys of access tokens cannot be fetched",
        Code.Unavailable,
        undefined,
        undefined,
        cause,
      );
    } finally {
      fetching = undefined;
    }
  }

  return {
    keys({ fresh } = { fresh: false }) {
      const now = Date.now();
      const ageMs = now - fetchedAtMs;
      const wanted = fresh || ageMs > maxAgeMs;
      if (wanted && (!known || now - triedAtMs >= coolDownMs)) fetching ??= fetchKeys();
      // Old keys serve while newer ones are on their way, unless nobody has asked for so long that they may be withdrawn.
      const serves = !fresh && (failed || ageMs <= 2 * maxAgeMs);
      if (known && (serves || !fetching)) return Promise.resolve(known);
      return fetching ?? fetchKeys();
    },
  };
}
