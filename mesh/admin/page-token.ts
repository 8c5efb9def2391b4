import { Code, ConnectError } from "@connectrpc/connect";
import { z } from "zod";

const content = z.tuple([z.string(), z.string()]);

/** Where a page of participants begins: after this saga and key. */
export type PagePosition = z.infer<typeof content>;

/** Writes a position as a page token. */
export function formatPageToken(position: PagePosition): string {
  return Buffer.from(JSON.stringify(position)).toString("base64url");
}

/** Reads a page token; undefined for the first page. Throws ConnectError InvalidArgument for one that we never gave. */
export function parsePageToken(token: string): PagePosition | undefined {
  if (token === "") return undefined;
  try {
    return content.parse(JSON.parse(Buffer.from(token, "base64url").toString()));
  } catch (cause) {
    throw new ConnectError("page_token is none that this method returned", Code.InvalidArgument, undefined, [], cause);
  }
}
