import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { uuidv7 } from "uuidv7";
import type { Logger } from "#mesh/telemetry";
import type { KeyRepository, StoredKey } from "./key-repository.ts";
import type { KeySeal } from "./key-seal.ts";
import { choosePublishedKeys, chooseSigningKey, type KeySchedule, planNextKey } from "./signing-key.ts";

/** The keys that this replica signs with, and those that everyone may verify with. */
export interface KeyRing {
  /** Makes the next key when it is time, removes those that nobody needs, and learns what other replicas made. */
  turn(): Promise<void>;
  /** The key to sign with now. Throws before the first turn. */
  signingKey(): SigningKey;
  /** The published keys, the signing key first. */
  publishedKeys(): Promise<readonly StoredKey[]>;
}

/** A key ready to sign. */
export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  /** From when it signs. */
  readonly activeTime: Date;
}

/** What a key ring is made of. */
export interface KeyRingOptions {
  readonly repository: KeyRepository;
  readonly seal: KeySeal;
  readonly schedule: KeySchedule;
  readonly now: () => Date;
  readonly log: Logger;
}

/** Makes a key ring. It holds keys after its first turn. */
export function createKeyRing({ repository, seal, schedule, now, log }: KeyRingOptions): KeyRing {
  let opened = new Map<string, SigningKey>();

  /** The keys that can be opened: a changed mesh secret leaves the others for verification only. */
  function open(keys: readonly StoredKey[]): Map<string, SigningKey> {
    return new Map(
      keys.flatMap((key) => {
        const signing = opened.get(key.kid) ?? openKey(seal, key);
        return signing === undefined ? [] : [[key.kid, signing]];
      }),
    );
  }

  return {
    async turn() {
      const keys = await repository.update((stored) => {
        const activeTime = planNextKey([...open(stored).values()], schedule, now());
        const add = activeTime === undefined ? [] : [createKey(seal, activeTime)];
        const kept = new Set(choosePublishedKeys([...stored, ...add], schedule, now()));
        return { add, remove: stored.filter((key) => !kept.has(key)) };
      });
      const fresh = open(keys);
      for (const { kid } of keys.filter((key) => !fresh.has(key.kid) && !opened.has(key.kid))) {
        log.warn({ kid }, "a signing key was sealed with another mesh secret, it only verifies");
      }
      opened = fresh;
    },

    signingKey() {
      const key = chooseSigningKey([...opened.values()], now());
      if (key === undefined) {
        throw new Error("the key ring has no signing key before its first turn");
      }
      return key;
    },

    publishedKeys: async () => choosePublishedKeys(await repository.list(), schedule, now()),
  };
}

function createKey(seal: KeySeal, activeTime: Date): StoredKey {
  const kid = uuidv7();
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  return { kid, publicKey: x, sealedPrivateKey: seal.seal(kid, pkcs8), activeTime };
}

function openKey(seal: KeySeal, { kid, sealedPrivateKey, activeTime }: StoredKey): SigningKey | undefined {
  const pkcs8 = seal.open(kid, sealedPrivateKey);
  return pkcs8 && { kid, privateKey: createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }), activeTime };
}
