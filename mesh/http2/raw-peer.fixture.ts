import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { type Frame, FrameReader, FrameType, PREFACE } from "./frames.ts";

/** A server that reads frames, and sends the bytes that a test makes. It serves one connection and ends with the test. */
export async function rawPeer() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const connected = once(server, "connection");
  const frames: Frame[] = [];
  const state: { socket?: Socket } = {};
  return {
    port: address.port,
    /** What the client has sent. */
    frames,
    /** Frames of one type. */
    sent: (type: number) => frames.filter((frame) => frame.type === type),
    /** Waits for the client, and greets it with empty settings. */
    async greet(settings: Buffer = Buffer.alloc(0)) {
      const [socket] = (await connected) as [Socket];
      state.socket = socket;
      const reader = new FrameReader();
      let greeted = false;
      socket
        .on("error", () => {})
        .on("data", (chunk: Buffer) => {
          reader.push(greeted ? chunk : chunk.subarray(PREFACE.length));
          greeted = true;
          for (let frame = reader.next(); frame; frame = reader.next()) frames.push(frame);
        });
      this.send(FrameType.SETTINGS, settings);
    },
    send(type: number, payload: Uint8Array, { flags = 0, streamId = 0 } = {}) {
      state.socket?.write(rawFrame(type, payload, { flags, streamId }));
    },
    /** `written` is called once the client has taken them, or has gone. */
    write: (bytes: Uint8Array, written?: () => void) => state.socket?.write(bytes, written),
    hangUp: () => state.socket?.end(),
    stopReading: () => state.socket?.pause(),
    [Symbol.dispose]: () => {
      state.socket?.destroy();
      server.close();
    },
  };
}

/** A frame as it goes over the wire. */
export function rawFrame(type: number, payload: Uint8Array, { flags = 0, streamId = 0 } = {}): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}
