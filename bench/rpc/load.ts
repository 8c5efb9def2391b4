/**
 * The load of the benchmark, in a process of its own. For each message from the parent it keeps `inFlight` calls open
 * on each of `connections` connections for `durationMs`, then answers with the number of calls that ended.
 * It writes frames by hand: Node's own HTTP/2 client would be busy before the server is.
 */
import { connect, type Socket } from "node:net";
import {
  ACK,
  callTemplate,
  DATA,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  PING,
  preface,
  RST_STREAM,
  SETTINGS,
  windowUpdate,
} from "./frames.ts";

/** What the load is to be. */
export interface Load {
  readonly address: string;
  readonly headers: Record<string, string>;
  /** The request message, base64. */
  readonly message: string;
  /** Bytes of DATA that a good answer has. */
  readonly answerBytes: number;
  readonly connections: number;
  readonly inFlight: number;
  readonly durationMs: number;
}

/** What came of it. */
export interface LoadResult {
  readonly calls: number;
  readonly failed: number;
  readonly durationMs: number;
}

const WINDOW_STEP = 1 << 20;

process.on("message", async (load: Load) => {
  process.send?.(await run(load));
});

async function run(load: Load): Promise<LoadResult> {
  const template = callTemplate(load.headers, Buffer.from(load.message, "base64"));
  const total = { calls: 0, failed: 0, until: performance.now() + load.durationMs };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: load.connections }, () => drive(load, template, total)));
  return { calls: total.calls, failed: total.failed, durationMs: performance.now() - startedAt };
}

interface Total {
  calls: number;
  failed: number;
  readonly until: number;
}

function drive(load: Load, template: ReturnType<typeof callTemplate>, total: Total): Promise<void> {
  const [host = "", port = ""] = load.address.split(":");
  const socket = connect({ host, port: Number(port), noDelay: true });
  const received = new Map<number, number>();
  let stream = -1;
  let pending: Buffer[] = [preface(), windowUpdate(0x3fffffff)];
  let unacknowledged = 0;

  function call(): void {
    stream += 2;
    const bytes = Buffer.from(template.bytes);
    for (const at of template.at) bytes.writeUInt32BE(stream, at);
    received.set(stream, 0);
    pending.push(bytes);
  }

  function onFrame(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === SETTINGS && !(flags & ACK)) pending.push(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
    if (type === PING && !(flags & ACK)) pending.push(frame(PING, ACK, 0, payload));
    if (type === GOAWAY) throw new Error("the server closed a connection of the benchmark");
    if (type === DATA) {
      received.set(id, (received.get(id) ?? 0) + payload.length);
      unacknowledged += payload.length;
    }
    const ended = type === RST_STREAM || ((type === DATA || type === HEADERS) && flags & END_STREAM);
    if (!ended) return;
    if (received.get(id) === load.answerBytes) total.calls++;
    else total.failed++;
    received.delete(id);
    if (performance.now() < total.until) call();
  }

  for (let i = 0; i < load.inFlight; i++) call();
  return new Promise((resolve, reject) => {
    socket.on("error", reject).on("close", resolve);
    readFrames(socket, onFrame, () => {
      if (unacknowledged > WINDOW_STEP) {
        pending.push(windowUpdate(unacknowledged));
        unacknowledged = 0;
      }
      if (received.size === 0) socket.destroy();
      else if (pending.length > 0) socket.write(Buffer.concat(pending));
      pending = [];
    });
    socket.write(Buffer.concat(pending));
    pending = [];
  });
}

type OnFrame = (type: number, flags: number, stream: number, payload: Buffer) => void;

function readFrames(socket: Socket, onFrame: OnFrame, afterChunk: () => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    while (rest.length - at >= 9) {
      const length = rest.readUIntBE(at, 3);
      if (rest.length - at < 9 + length) break;
      const stream = rest.readUInt32BE(at + 5) & 0x7fffffff;
      onFrame(rest[at + 3] ?? 0, rest[at + 4] ?? 0, stream, rest.subarray(at + 9, at + 9 + length));
      at += 9 + length;
    }
    rest = rest.subarray(at);
    afterChunk();
  });
}
