import { createHash } from "node:crypto";
import { CatalogErrorReason } from "#gen/shop/catalog/v1/catalog_errors_pb.ts";
import { Refusal } from "#mesh/refusal";

/** What a list of products is narrowed to. */
export interface ProductFilter {
  /** Words as the client typed them. */
  readonly query: string;
  /** Id of a category, or empty for all. */
  readonly category: string;
}

/** The last product of a page: lists are ordered by name, then id. */
export interface PagePosition {
  readonly name: string;
  readonly id: string;
}

const digestBytes = 12;
const idBytes = 16;

/** Makes the token of the page that follows `position`; it is good for the same filter only. */
export function formatPageToken(position: PagePosition, filter: ProductFilter): string {
  const id = Buffer.from(position.id.replaceAll("-", ""), "hex");
  return Buffer.concat([digest(position, filter), id, Buffer.from(position.name)]).toString("base64url");
}

/**
 * Reads a token back; an empty one is the first page.
 *
 * @throws Refusal PAGE_TOKEN_INVALID when it was not made here, or for another filter.
 */
export function parsePageToken(token: string, filter: ProductFilter): PagePosition | undefined {
  if (token === "") {
    return undefined;
  }
  const bytes = Buffer.from(token, "base64url");
  const position = {
    id: formatId(bytes.subarray(digestBytes, digestBytes + idBytes)),
    name: bytes.subarray(digestBytes + idBytes).toString(),
  };
  // Formatting again also refuses what base64 and UTF-8 decoders let pass.
  if (bytes.length <= digestBytes + idBytes || formatPageToken(position, filter) !== token) {
    throw new Refusal(CatalogErrorReason.PAGE_TOKEN_INVALID);
  }
  return position;
}

function digest(position: PagePosition, filter: ProductFilter): Buffer {
  const bound = JSON.stringify([position.id, position.name, filter.query, filter.category]);
  return createHash("sha256").update(bound).digest().subarray(0, digestBytes);
}

function formatId(bytes: Buffer): string {
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
