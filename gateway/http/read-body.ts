import { constants, type Http2ServerRequest } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Encoding, encodingNames, findEncoding, inflate } from "./compression.ts";
import { badField, EdgeError } from "./edge-error.ts";
import type { Exchange } from "./exchange.ts";
import { Gathered } from "./gathered.ts";
import type { HttpRequest, HttpResponse } from "./message.ts";

/** How much of a body that nobody wants is read on, so that a client that is still sending gets to see its answer. */
const discardedBytes = 16 * 1024 * 1024;
const discardedMs = 5_000;
/** How often a client is looked at that is still sending. */
const lookMs = 10;

const noBytes = Buffer.alloc(0);

/** Which bodies are read. */
export interface BodyLimits {
  /** Largest body, in bytes. */
  readonly limitBytes: number;
  /** Whether any content type will do. Default: JSON only. */
  readonly anyType?: boolean;
  /** A media type that is taken besides JSON, in lower case. */
  readonly otherType?: string | undefined;
}

/**
 * Reads a whole body, undefined for none. Throws 413 as soon as it is known to be above the limit, which with a
 * Content-Length is before the first byte, and 415 for a content type other than JSON or for an
 * encoding that is not known. The limit holds for what a compressed body inflates to, too.
 */
export async function readBody(exchange: Exchange, limits: BodyLimits): Promise<Buffer | undefined> {
  const { request, response } = exchange;
  const { limitBytes, anyType = false, otherType } = limits;
  if (!announcesBody(request)) return undefined;
  if (Number(request.headers["content-length"] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  if (!anyType && (otherType === undefined || mediaTypeOf(request) !== otherType)) checkMediaType(request, otherType);
  const encoding = encodingOf(request);
  sendContinue(request, response);
  const body = await collect(exchange, limitBytes);
  if (!encoding) return body;
  const inflated = inflateBody(encoding, body, limitBytes);
  exchange.held.add(inflated.length);
  return inflated;
}

function inflateBody(encoding: Encoding, body: Buffer, limitBytes: number): Buffer {
  try {
    const bytes = inflate(encoding, body, limitBytes);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  } catch (refusal) {
    throw ConnectError.from(refusal).code === Code.ResourceExhausted ? tooLarge(limitBytes) : refusal;
  }
}

/** Reads a whole body as it is, empty for none. Throws 413 for one that is larger than the limit, as soon as that is known. */
export async function readBytes(exchange: Exchange, limitBytes: number): Promise<Uint8Array> {
  const { request, response } = exchange;
  if (!announcesBody(request)) return noBytes;
  if (Number(request.headers["content-length"] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  sendContinue(request, response);
  return collect(exchange, limitBytes);
}

/** Throws 400 for a request with a body, unless that is empty: what a client sends is never silently ignored. */
export async function refuseBody(exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  if (!announcesBody(request)) return;
  if (request.headers["content-length"] !== undefined) throw noBodyTaken();
  // A body in chunks may turn out to be empty.
  sendContinue(request, response);
  try {
    await collect(exchange, 0);
  } catch (refusal) {
    throw refusal instanceof EdgeError ? noBodyTaken() : refusal;
  }
}

function announcesBody(request: HttpRequest): boolean {
  const { "content-length": length, "transfer-encoding": coding } = request.headers;
  if (length !== undefined) return length !== "0";
  // HTTP/2 needs neither header.
  return "stream" in request ? !request.stream.endAfterHeaders : coding !== undefined;
}

function noBodyTaken(): EdgeError {
  return badField("body", "", "there is a body, yet this route takes none");
}

/** Tells a client that waits for it ("Expect: 100-continue") to send its body. */
export function sendContinue(request: HttpRequest, response: HttpResponse): void {
  if (request.headers.expect !== undefined) response.writeContinue();
}

/**
 * Reads and drops what is left of a request whose answer has been sent, up to 16 MiB and 5 s; then the connection is
 * cut. Closing at once would reset the connection, and the client might never see the answer.
 */
export function discardRest(request: HttpRequest): void {
  if (request.complete || request.destroyed) return;
  if ("stream" in request) {
    discardStream(request);
    return;
  }
  const { socket } = request;
  const most = socket.bytesRead + discardedBytes;
  const until = performance.now() + discardedMs;
  // Looked at, not listened to: a listener at the socket would take it from Node's parser, and a paused one would stay so.
  const timer = setInterval(() => {
    // A request whose answer is sent does not hear of it when its client leaves.
    if (socket.destroyed || request.readableEnded) clearInterval(timer);
    else if (socket.bytesRead > most || performance.now() > until) socket.destroy();
  }, lookMs);
  request.resume();
}

/** HTTP/2 can end one request without its connection, and say that nothing was wrong with the answer. */
function discardStream(request: Http2ServerRequest): void {
  const { stream } = request;
  if (stream.endAfterHeaders) return;
  const end = () => stream.close(constants.NGHTTP2_NO_ERROR);
  const timer = setTimeout(end, discardedMs);
  let left = discardedBytes;
  request.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) end();
  });
  stream.once("close", () => clearTimeout(timer));
  request.resume();
  // Node ends a stream that nobody reads as soon as its answer is written; some clients then drop the answer.
  stream.resume();
}

/** The media type of a body without parameters, in lower case; "" for none. */
export function mediaTypeOf({ headers }: HttpRequest): string {
  return headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

function checkMediaType({ headers, method }: HttpRequest, otherType: string | undefined): void {
  const also = otherType === undefined ? "" : `, ${otherType}`;
  const accept = { [method === "PATCH" ? "Accept-Patch" : "Accept-Post"]: `application/json${also}` };
  const type = headers["content-type"];
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(type ?? "")?.[1]?.toLowerCase() ?? "utf-8";
  if ((type !== undefined && !/^application\/json\s*(?:;|$)/i.test(type)) || !/^utf-?8$/.test(charset)) {
    const or = otherType === undefined ? "" : ` or ${otherType}`;
    throw new EdgeError(`the body must be application/json in UTF-8${or}, not "${type}"`, Code.InvalidArgument, {
      status: 415,
      headers: accept,
    });
  }
}

/** The encoding of a body, null for none. Throws 415 for one that is not known. */
export function encodingOf({ headers }: HttpRequest): Encoding | null {
  const name = headers["content-encoding"];
  const encoding = findEncoding(name);
  if (encoding !== undefined) return encoding;
  throw new EdgeError(`content encoding "${name}" is not taken`, Code.InvalidArgument, {
    status: 415,
    headers: { "Accept-Encoding": encodingNames.join(", ") },
  });
}

function collect(exchange: Exchange, limitBytes: number): Buffer | Promise<Buffer> {
  const { request } = exchange;
  // Most bodies come with their heads. "complete" says that of HTTP/1.1 only.
  const arrived = !("stream" in request) && request.complete && !request.destroyed;
  return arrived ? takeArrived(exchange, limitBytes) : gather(exchange, limitBytes);
}

function takeArrived({ request, held }: Exchange, limitBytes: number): Buffer {
  if (request.readableLength > limitBytes) throw tooLarge(limitBytes);
  held.add(request.readableLength);
  return request.read() ?? noBytes;
}

function gather({ request, held, bodyTimeoutMs }: Exchange, limitBytes: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const body = new Gathered();
  const timer = setTimeout(() => refuse(tooSlow(bodyTimeoutMs)), bodyTimeoutMs);
  const refuse = (refusal: unknown) => {
    clearTimeout(timer);
    request.off("data", onData);
    request.pause();
    reject(refusal);
  };
  const onData = (chunk: Buffer) => {
    if (body.length + chunk.length > limitBytes) return refuse(tooLarge(limitBytes));
    try {
      held.add(chunk.length);
      body.push(chunk);
    } catch (refusal) {
      refuse(refusal);
    }
  };
  request.on("data", onData);
  request.on("end", () => {
    clearTimeout(timer);
    resolve(body.take());
  });
  // Every request closes in the end; only one that was not complete has been left.
  request.on("close", () => {
    clearTimeout(timer);
    if (!request.complete) reject(goneAway());
  });
  request.on("error", () => reject(goneAway()));
  return promise;
}

/** The client has not said all. */
export function goneAway(): ConnectError {
  return new ConnectError("the client went away", Code.Canceled);
}

function tooSlow(timeoutMs: number): EdgeError {
  const message = `the body did not arrive within ${timeoutMs / 1_000} s`;
  return new EdgeError(message, Code.DeadlineExceeded, { status: 408 });
}

/** Refuses a body. */
export function tooLarge(limitBytes: number): EdgeError {
  return new EdgeError(`the body is larger than ${limitBytes} bytes`, Code.ResourceExhausted, { status: 413 });
}
