import { Code, ConnectError } from "@connectrpc/connect";
import { isRead, sendCacheable } from "../caching/send-cacheable.ts";
import { encodingNames, findEncoding, inflate } from "../http/compression.ts";
import { EdgeError } from "../http/edge-error.ts";
import { statusOf, toConnectError } from "../http/error-status.ts";
import { type Exchange, headerOf, remainingMs } from "../http/exchange.ts";
import { readBytes } from "../http/read-body.ts";
import { send } from "../http/send.ts";
import { readTimeout } from "../http/timeout.ts";
import { callBytes } from "../upstream/call-upstream.ts";
import { readGetMessage } from "./connect-get.ts";
import type { Dialect } from "./content-type.ts";
import { unknownEncoding } from "./message-frames.ts";
import { connectErrorJson, headersOfError } from "./rpc-error.ts";
import type { RpcMethod } from "./rpc-method.ts";

/**
 * Answers a unary call of Connect, by POST or by GET. The gate decides before the body is read. Encoded messages pass
 * undecoded: the service says what is wrong with them.
 */
export async function answerConnectUnary(exchange: Exchange, rpc: RpcMethod, dialect: Dialect): Promise<void> {
  try {
    await rpc.gate(exchange, rpc.policy);
    checkVersion(exchange);
    const askedMs = readTimeout(exchange.request.headers);
    const read =
      exchange.method === "POST" ? await readPostMessage(exchange, rpc) : readGetMessage(exchange.query, rpc);
    const message = dialect.json ? rpc.json.encode(read) : read;
    if (await exchange.beforeCall?.(read)) return;
    const { method } = rpc.policy;
    const timeoutMs = remainingMs(exchange, rpc.policy, askedMs);
    const { caching } = rpc.policy;
    const answer = await callBytes(exchange, rpc.channel, { method, message, timeoutMs, caching });
    const body = dialect.json ? rpc.json.decode(answer.message) : answer.message;
    const headers = rpc.channel.metadata.shown(answer.header);
    const trailers = rpc.channel.metadata.shown(answer.trailer);
    for (const name in trailers) headers[`trailer-${name}`] = trailers[name];
    headers["content-type"] = dialect.contentType;
    if (!isRead(exchange, method)) {
      send(exchange, 200, headers, body);
      return;
    }
    const { forwardHeaders } = rpc.channel.metadata;
    sendCacheable(exchange, { policy: rpc.policy, forwardHeaders, headers, body });
  } catch (thrown) {
    sendConnectError(exchange, rpc, thrown);
  }
}

/** Sends an error as Connect's JSON with the status of its code, and the service's metadata. */
export function sendConnectError(exchange: Exchange, rpc: RpcMethod, thrown: unknown): void {
  const error = toConnectError(thrown, exchange);
  const metadata = rpc.channel.metadata.shownOfError(error.metadata);
  const own = { "content-type": "application/json", "cache-control": "no-store" };
  const headers = { ...metadata, ...headersOfError(error, exchange), ...own };
  send(exchange, statusOf(error.code), headers, JSON.stringify(connectErrorJson(error, rpc.registry)));
}

/** Throws InvalidArgument for a version of the protocol that is not this one. None is taken for this one. */
export function checkVersion({ request }: Exchange): void {
  const version = headerOf(request, "connect-protocol-version");
  if (version === undefined || version === "1") return;
  throw new ConnectError(`Connect-Protocol-Version must be "1", not "${version}"`, Code.InvalidArgument);
}

async function readPostMessage(exchange: Exchange, { maxMessageBytes }: RpcMethod): Promise<Uint8Array> {
  const name = headerOf(exchange.request, "content-encoding");
  const encoding = findEncoding(name);
  if (encoding === undefined) throw refuseEncoding(name ?? "");
  const body = await readBytes(exchange, maxMessageBytes);
  if (!encoding) return body;
  const message = inflate(encoding, body, maxMessageBytes);
  exchange.held.add(message.length);
  return message;
}

function refuseEncoding(name: string): EdgeError {
  const { rawMessage, code } = unknownEncoding(name);
  return new EdgeError(rawMessage, code, { headers: { "Accept-Encoding": encodingNames.join(", ") } });
}
