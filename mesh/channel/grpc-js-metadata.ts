import { Metadata } from "@grpc/grpc-js";
import type { SentMetadata } from "./metadata.ts";
import type { ReceivedMetadata } from "./status.ts";

/** Metadata as the channel sends it, as grpc-js holds it. */
export function fromSent(names: SentMetadata): Metadata {
  const metadata = new Metadata();
  for (let at = 0; at + 1 < names.length; at += 2) {
    const [name = "", value = ""] = names.slice(at, at + 2);
    metadata.add(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}

/** Metadata as grpc-js holds it, as the channel receives it. */
export function toReceived(metadata: Metadata): ReceivedMetadata {
  const entries = Object.entries(metadata.toJSON()).filter(([, values]) => Array.isArray(values));
  return Object.fromEntries(entries.map(([name, values]) => [name, [values].flat().map(receivedText)]));
}

function receivedText(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString("base64") : String(value);
}
