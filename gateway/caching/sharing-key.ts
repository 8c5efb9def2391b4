import type { DescMethod } from "@bufbuild/protobuf";
import type { SentMetadata } from "#mesh/channel";
import type { CachingPolicy } from "#mesh/contract";
import { type Exchange, headerOf } from "../http/exchange.ts";

/** A call that only reads. */
export interface ReadingCall {
  readonly method: DescMethod;
  readonly message: Uint8Array;
  readonly caching: CachingPolicy;
  /** What the service sees of the request's headers. */
  readonly forwarded: SentMetadata;
}

/** Whether a client wants no answer to what somebody else has asked before it (RFC 9111, section 5.2.1). */
export function wantsFresh({ request }: Exchange): boolean {
  return /\b(?:no-cache|no-store|max-age=0)\b/i.test(headerOf(request, "cache-control") ?? "");
}

/** Tells calls apart whose answers may differ: by what is asked, and by what the service sees of who asks. */
export function sharingKey({ request }: Exchange, { method, message, caching, forwarded }: ReadingCall): string {
  const asked = [method.parent.typeName, method.name, Buffer.from(message).toString("latin1")];
  const who = caching.shared ? withoutAddress(forwarded) : [request.headers.authorization, ...forwarded];
  return JSON.stringify([...asked, ...who]);
}

/** Metadata are names and values in turns. */
function withoutAddress(forwarded: SentMetadata): string[] {
  return forwarded.filter((_, at) => forwarded[at - (at % 2)] !== "x-forwarded-for");
}
