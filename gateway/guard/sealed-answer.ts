import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import type { KeptAnswer } from "./idempotency-store.ts";

const ivBytes = 12;
const tagBytes = 16;

/** Encrypts an answer (AES-256-GCM) for whoever knows the key of its request: an answer may hold tokens or addresses. */
export function sealAnswer(key: string, { status, headers, body }: KeptAnswer): Buffer {
  const head = Buffer.from(JSON.stringify({ status, headers, hasBody: body !== undefined }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv("aes-256-gcm", secretOf(key), iv);
  const sealed = Buffer.concat([cipher.update(length), cipher.update(head), cipher.update(body ?? ""), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
}

/** Decrypts what sealAnswer has made. Throws for anything else, and for another key. */
export function openAnswer(key: string, sealed: Uint8Array): KeptAnswer {
  const decipher = createDecipheriv("aes-256-gcm", secretOf(key), sealed.subarray(0, ivBytes));
  decipher.setAuthTag(sealed.subarray(ivBytes, ivBytes + tagBytes));
  const bytes = Buffer.concat([decipher.update(sealed.subarray(ivBytes + tagBytes)), decipher.final()]);
  const bodyAt = 4 + bytes.readUInt32BE(0);
  const { status, headers, hasBody } = JSON.parse(bytes.toString("utf8", 4, bodyAt));
  return { status, headers, body: hasBody ? bytes.subarray(bodyAt) : undefined };
}

/** The client's key is secret enough where it is drawn at random, as it should be. */
function secretOf(key: string): Buffer {
  return Buffer.from(hkdfSync("sha256", key, "", "heddle kept answer", 32));
}
