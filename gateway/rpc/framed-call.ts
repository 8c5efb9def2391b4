import { type Exchange, remainingMs } from "../http/exchange.ts";
import { readTimeout } from "../http/timeout.ts";
import { callBytes } from "../upstream/call-upstream.ts";
import { checkVersion } from "./connect-unary.ts";
import type { Dialect } from "./content-type.ts";
import { FramedAnswer } from "./framed-answer.ts";
import { readOnlyMessage } from "./read-requests.ts";
import { relayStream } from "./relay-stream.ts";
import type { RpcMethod } from "./rpc-method.ts";

/**
 * Answers a call of gRPC or gRPC-Web, or a stream of Connect. The gate decides before the body is read; messages pass
 * undecoded unless they are JSON.
 */
export async function answerFramed(exchange: Exchange, rpc: RpcMethod, dialect: Dialect): Promise<void> {
  const answer = new FramedAnswer(exchange, dialect, rpc.registry);
  try {
    await rpc.gate(exchange, rpc.policy);
    if (dialect.protocol === "connect") checkVersion(exchange);
    const askedMs = readTimeout(exchange.request.headers);
    const how = { rpc, dialect, answer, askedMs };
    if (rpc.policy.method.methodKind === "unary") await answerUnary(exchange, how);
    else await relayStream(exchange, { ...how, timeoutMs: remainingMs(exchange, rpc.policy, askedMs) });
  } catch (thrown) {
    answer.end(thrown, metadataOf(thrown, rpc));
  }
}

interface UnaryCall {
  readonly rpc: RpcMethod;
  readonly dialect: Dialect;
  readonly answer: FramedAnswer;
  readonly askedMs: number | undefined;
}

async function answerUnary(exchange: Exchange, { rpc, dialect, answer, askedMs }: UnaryCall): Promise<void> {
  const message = await readOnlyMessage(exchange, rpc, dialect);
  const { method } = rpc.policy;
  const timeoutMs = remainingMs(exchange, rpc.policy, askedMs);
  const result = await callBytes(exchange, rpc.channel, { method, message, timeoutMs });
  const { metadata } = rpc.channel;
  const shown = dialect.json ? rpc.json.decode(result.message) : result.message;
  answer.begin(metadata.shown(result.header), "with the message");
  await answer.write(shown);
  answer.end(undefined, metadata.shown(result.trailer));
}

function metadataOf(thrown: unknown, { channel }: RpcMethod) {
  const metadata = thrown instanceof Error && "metadata" in thrown ? thrown.metadata : undefined;
  return metadata instanceof Headers ? channel.metadata.shownOfError(metadata) : {};
}
