import type { Transform } from "node:stream";
import { promisify } from "node:util";
import {
  brotliCompress,
  brotliDecompressSync,
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
  deflate,
  gunzipSync,
  gzip,
  inflateSync,
  zstdCompress,
  zstdDecompressSync,
} from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";

/** A content coding (RFC 9110, section 8.4.1), which is also a message encoding of gRPC and Connect. */
export interface Encoding {
  readonly name: string;
  inflate(bytes: Uint8Array, limits: { readonly maxOutputLength: number }): Buffer;
  /** Inflates what is written to it. `bytesWritten` counts what of that belonged to the compressed data. */
  createInflater(): Transform & { readonly bytesWritten: number };
  compress(bytes: Uint8Array): Promise<Buffer>;
}

// Fast levels: what is saved beyond them on one answer is not worth the time.
const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };
const zstd = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };
/** Larger windows than the 8 MiB that RFC 8878 recommends would take memory whatever the message holds. */
const zstdWindow = { params: { [constants.ZSTD_d_windowLogMax]: 23 } };

type InflateSync = (bytes: Uint8Array, options: { readonly maxOutputLength: number; readonly info: true }) => object;

/** What Node's functions return with `info`; their types do not say it. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/** Refuses what follows the compressed data: Node would drop it silently, a second frame of zstd as well. */
function wholly(inflateSync: InflateSync): Encoding["inflate"] {
  return (bytes, limits) => {
    const inflated = inflateSync(bytes, { ...limits, info: true });
    if (!isInflated(inflated)) throw new TypeError("zlib gives no info");
    if (inflated.engine.bytesWritten !== bytes.length) throw new RangeError("something follows the data");
    return inflated.buffer;
  };
}

function isInflated(value: object): value is Inflated {
  return "engine" in value && "buffer" in value;
}

const known: readonly Encoding[] = [
  {
    name: "zstd",
    inflate: wholly((bytes, limits) => zstdDecompressSync(bytes, { ...zstdWindow, ...limits })),
    createInflater: () => createZstdDecompress(zstdWindow),
    compress: (bytes) => promisify(zstdCompress)(bytes, zstd),
  },
  {
    name: "br",
    inflate: wholly(brotliDecompressSync),
    createInflater: () => createBrotliDecompress(),
    compress: (bytes) => promisify(brotliCompress)(bytes, brotli),
  },
  {
    name: "gzip",
    inflate: wholly(gunzipSync),
    createInflater: () => createGunzip(),
    compress: (bytes) => promisify(gzip)(bytes, { level: 4 }),
  },
  {
    name: "deflate",
    inflate: wholly(inflateSync),
    createInflater: () => createInflate(),
    compress: (bytes) => promisify(deflate)(bytes, { level: 4 }),
  },
];
const byName = new Map(known.map((encoding) => [encoding.name, encoding]));

/** What the gateway inflates, and compresses with in this order of preference. */
export const encodingNames: readonly string[] = known.map(({ name }) => name);

/** Answers below this many bytes are not compressed: it would cost more than it saves. */
export const minCompressedBytes = 1024;

/** An encoding by name: null for identity, undefined for one that is not known. */
export function findEncoding(name: string | undefined): Encoding | null | undefined {
  if (name === undefined || name === "" || name === "identity") return null;
  return byName.get(name.toLowerCase());
}

/**
 * Inflates a message. An empty one stays empty whatever it says of itself. Throws InvalidArgument for bytes that are
 * not what they claim to be, ResourceExhausted for more than `maxBytes`.
 */
export function inflate(encoding: Encoding, bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length === 0) return bytes;
  try {
    return encoding.inflate(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    throw code === "ERR_BUFFER_TOO_LARGE"
      ? new ConnectError(`the inflated message is larger than ${maxBytes} bytes`, Code.ResourceExhausted)
      : new ConnectError(`the message is no valid ${encoding.name}`, Code.InvalidArgument);
  }
}

/**
 * Chooses by Accept-Encoding (RFC 9110, section 12.5.3): the highest weight wins, among equals our own order; undefined
 * for none, or where identity weighs more.
 */
export function chooseEncoding(accept: string | undefined): Encoding | undefined {
  if (accept === undefined || accept === "") return undefined;
  const weights = weightsOf(accept);
  const any = weights.get("*");
  const weightOf = (name: string) => weights.get(name) ?? any ?? 0;
  let best: Encoding | undefined;
  // Not to be compressed is acceptable unless it is refused, and preferred only where that is said.
  let bestWeight = weights.get("identity") ?? 0;
  for (const encoding of known) {
    const weight = weightOf(encoding.name);
    if (weight === 0 || weight < bestWeight || (best && weight === bestWeight)) continue;
    best = encoding;
    bestWeight = weight;
  }
  return best;
}

/** Chooses among names without weights, as grpc-accept-encoding and connect-accept-encoding have them. */
export function chooseNamedEncoding(accept: string | undefined): Encoding | undefined {
  if (accept === undefined || accept === "") return undefined;
  const names = new Set(accept.split(",").map((name) => name.trim().toLowerCase()));
  return known.find(({ name }) => names.has(name));
}

function weightsOf(accept: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const part of accept.split(",")) {
    const [name = "", ...parameters] = part.split(";").map((each) => each.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    const weight = quality === undefined ? 1 : Number(quality);
    if (name !== "") weights.set(name, weight >= 0 && weight <= 1 ? weight : 0);
  }
  return weights;
}
