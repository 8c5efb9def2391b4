import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/** Encrypts private keys for the database. */
export interface KeySeal {
  /** Encrypts a key; `kid` is bound to the result. */
  seal(kid: string, key: Buffer): string;
  /** Decrypts a key. Undefined when it was sealed with another secret, for another kid, or was changed since. */
  open(kid: string, sealed: string): Buffer | undefined;
}

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM with a key derived from the mesh secret (HKDF-SHA-256). */
export function createKeySeal(meshSecret: string): KeySeal {
  const key = Buffer.from(hkdfSync("sha256", meshSecret, "", "heddle platform.identity signing keys", 32));

  return {
    seal(kid, plain) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(Buffer.from(kid));
      const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url");
    },

    open(kid, text) {
      const bytes = Buffer.from(text, "base64url");
      const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
        .setAAD(Buffer.from(kid))
        .setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
      const plain = decipher.update(bytes.subarray(nonceBytes + tagBytes));
      try {
        return Buffer.concat([plain, decipher.final()]);
      } catch {
        // The tag does not fit: that is the answer, and GCM tells no more.
        return undefined;
      }
    },
  };
}
