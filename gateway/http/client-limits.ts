import { variable } from "#mesh/config";

/** What slow clients, and many of them with large requests, may take of the gateway. Times are in milliseconds. */
export interface ClientLimits {
  /** How long the head of a request may take, and a TLS handshake before it. */
  readonly headTimeoutMs: number;
  /** How long a body may take that is read as a whole. */
  readonly bodyTimeoutMs: number;
  /** How long a client may take no byte of an answer that waits for it, and a connection may go unused. */
  readonly stallTimeoutMs: number;
  /** Bytes of requests that one process may hold in memory at one time. */
  readonly maxHeldBytes: number;
  /** Largest body that is read as a stream, in bytes, also of what it inflates to. */
  readonly maxUploadBytes: number;
}

/** What holds where nothing else is said. */
export const defaultClientLimits: ClientLimits = Object.freeze({
  headTimeoutMs: 20_000,
  bodyTimeoutMs: 120_000,
  // Load balancers keep connections for a minute, and must be the first to close them.
  stallTimeoutMs: 65_000,
  maxHeldBytes: 256 * 1024 * 1024,
  maxUploadBytes: 1024 ** 3,
});

const { headTimeoutMs, bodyTimeoutMs, stallTimeoutMs, maxHeldBytes, maxUploadBytes } = defaultClientLimits;

const timeout = (ms: number) =>
  variable.durationMs(ms).refine((value) => value > 0 && value < 2 ** 31, "must be more than 0, and less than 24 days");

/** The variables of these limits. */
export const clientVariables = {
  GATEWAY_HEAD_TIMEOUT: timeout(headTimeoutMs).describe("how long the head of a request may take"),
  GATEWAY_BODY_TIMEOUT: timeout(bodyTimeoutMs).describe("how long a body may take"),
  GATEWAY_STALL_TIMEOUT: timeout(stallTimeoutMs).describe("how long a client may leave its answer unread"),
  GATEWAY_MAX_HELD_BYTES: variable
    .wholeNumber(maxHeldBytes, { min: 1024 * 1024, max: 64 * 1024 ** 3 })
    .describe("bytes of requests that one process may hold at one time"),
  GATEWAY_MAX_UPLOAD_BYTES: variable
    .wholeNumber(maxUploadBytes, { min: 1_024, max: 1024 ** 5 })
    .describe("largest body in bytes that is read as a stream"),
};

/** Makes the limits from what was read. */
export function clientLimits(read: { readonly [Name in keyof typeof clientVariables]: number }): ClientLimits {
  return {
    headTimeoutMs: read.GATEWAY_HEAD_TIMEOUT,
    bodyTimeoutMs: read.GATEWAY_BODY_TIMEOUT,
    stallTimeoutMs: read.GATEWAY_STALL_TIMEOUT,
    maxHeldBytes: read.GATEWAY_MAX_HELD_BYTES,
    maxUploadBytes: read.GATEWAY_MAX_UPLOAD_BYTES,
  };
}
