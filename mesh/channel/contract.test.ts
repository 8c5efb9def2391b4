import { describe, expect, test } from "vitest";
import { eventually, freePort } from "#mesh/testing";
import { bytesServer, PATHS } from "./bytes-server.fixture.ts";
import { type Channel, createChannel } from "./channel.ts";
import { createGrpcJsChannel } from "./grpc-js-channel.ts";
import { callOnce, startCall } from "./outcome.fixture.ts";
import { GOOD, rawServer } from "./raw-server.fixture.ts";
import { Status } from "./status.ts";
import { wire } from "./wire.fixture.ts";

const kinds = {
  mesh: (address: string) => createChannel({ addresses: [address] }),
  "grpc-js": (address: string) => createGrpcJsChannel({ address, maxReceiveBytes: 4 * 1024 * 1024 }),
};

// A Node server ends a connection whose streams are reset faster than it likes (nghttp2 against "rapid reset"); what was
// in flight on it is lost, which grpc-js calls INTERNAL.
const stormCodes: Readonly<Record<keyof typeof kinds, readonly number[]>> = {
  mesh: [Status.OK, Status.CANCELLED, Status.UNAVAILABLE],
  "grpc-js": [Status.OK, Status.CANCELLED, Status.UNAVAILABLE, Status.INTERNAL],
};

/**
 * grpc-js 1.14.7 leaves streams open at the server that were cancelled while nobody read them; they go with their
 * connection. The mesh's own channel must not.
 */
const leavesStreams: Readonly<Record<keyof typeof kinds, boolean>> = { mesh: false, "grpc-js": true };

describe.each(Object.keys(kinds) as (keyof typeof kinds)[])("over %s", (kind) => {
  function open(address: string): Channel & Disposable {
    const channel = kinds[kind](address);
    return Object.assign(channel, { [Symbol.dispose]: () => channel.close() });
  }

  test("bytes come back as they went, empty and large ones too", async () => {
    using server = await bytesServer();
    using channel = open(server.address);
    for (const size of [0, 1, 16_379, 16_384, 65_536, 3_000_000]) {
      const message = Buffer.alloc(size, "bytes");
      const { messages, status } = await callOnce(channel, PATHS.unary, message);
      expect(status.code).toBe(Status.OK);
      expect(messages).toHaveLength(1);
      expect(messages[0]?.equals(message)).toBe(true);
    }
  });

  test("a server stream, a client stream and a conversation keep number and order", async () => {
    using server = await bytesServer();
    using channel = open(server.address);
    expect((await callOnce(channel, PATHS.repeat, Buffer.alloc(200))).messages).toHaveLength(200);

    const counting = startCall(channel, PATHS.count);
    for (let sent = 0; sent < 500; sent++) if (!counting.call.write(Buffer.alloc(100))) await counting.room();
    counting.call.halfClose();
    expect((await counting.outcome).messages.map(String)).toEqual(["500"]);

    const talking = startCall(channel, PATHS.bidi);
    const texts = Array.from({ length: 50 }, (_, at) => `m${at}`);
    for (const text of texts) if (!talking.call.write(Buffer.from(text))) await talking.room();
    talking.call.halfClose();
    expect((await talking.outcome).messages.map(String)).toEqual(texts);
  });

  test("a deadline ends the call on both sides", async () => {
    using server = await bytesServer();
    using channel = open(server.address);
    const { status } = await callOnce(channel, PATHS.hang, undefined, { deadlineMs: Date.now() + 100 });
    expect(status.code).toBe(Status.DEADLINE_EXCEEDED);
    await eventually(() => expect(server.counts.open).toBe(0));
  });

  test("a deadline that has passed makes no call", async () => {
    using server = await bytesServer();
    using channel = open(server.address);
    const { status } = await callOnce(channel, PATHS.unary, undefined, { deadlineMs: Date.now() - 1 });
    expect(status.code).toBe(Status.DEADLINE_EXCEEDED);
    expect(server.counts.metadata).toBeUndefined();
  });

  test("a storm of calls cancelled at any moment ends every call, and leaves no stream behind", async () => {
    using server = await bytesServer();
    using channel = open(server.address);
    const outcomes: Promise<number>[] = [];
    for (let wave = 0; wave < 30; wave++) {
      const calls = Array.from({ length: 100 }, (_, at) => {
        const path = [PATHS.unary, PATHS.hang, PATHS.endless, PATHS.bidi][at % 4] ?? PATHS.unary;
        const message = at % 4 === 3 ? {} : { message: Buffer.alloc(at * 10) };
        const running = startCall(channel, path, { ...message, deadlineMs: Date.now() + 60_000 });
        if (at % 4 === 3) running.call.write(Buffer.from("said"));
        outcomes.push(running.outcome.then(({ status }) => status.code));
        return running.call;
      });
      for (const [at, call] of calls.entries()) {
        const cancel = () => call.cancel(Status.CANCELLED, "no longer wanted");
        if (at % 3 === 0) cancel();
        else if (at % 3 === 1) setImmediate(cancel);
        else setTimeout(cancel, (at * 7) % 20);
      }
      if (wave % 5 === 4) await Promise.all(outcomes);
    }
    const codes = new Set(await Promise.all(outcomes));
    expect([...codes].filter((code) => !stormCodes[kind].includes(code))).toEqual([]);
    if (!leavesStreams[kind]) await eventually(() => expect(server.counts.open).toBe(0));
    await eventually(async () => expect((await callOnce(channel, PATHS.unary)).status.code).toBe(Status.OK));
  });

  test("calls on a connection that is cut end Unavailable, and the next call finds the way again", async () => {
    using server = await bytesServer();
    using way = await wire(server.port);
    using channel = open(way.address);
    const calls = Array.from({ length: 20 }, () => callOnce(channel, PATHS.hang));
    await eventually(() => expect(server.counts.open).toBe(20));
    way.cut();
    for (const { status } of await Promise.all(calls)) expect(status.code).toBe(Status.UNAVAILABLE);
    await eventually(async () => expect((await callOnce(channel, PATHS.unary)).status.code).toBe(Status.OK));
    await eventually(() => expect(server.counts.open).toBe(0));
  });

  test("a server that ends its connections by age loses no call", async () => {
    using server = await bytesServer({ "grpc.max_connection_age_ms": 60, "grpc.max_connection_age_grace_ms": 20_000 });
    using channel = open(server.address);
    const codes = new Map<number, number>();
    const until = Date.now() + 1_500;
    const call = async () => {
      while (Date.now() < until) {
        const { status } = await callOnce(channel, PATHS.unary);
        codes.set(status.code, (codes.get(status.code) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: 10 }, call));
    expect([...codes.keys()]).toEqual([Status.OK]);
  });

  test("a server that restarts is found again", async () => {
    const port = await freePort();
    const first = await bytesServer({}, port);
    using channel = open(first.address);
    expect((await callOnce(channel, PATHS.unary)).status.code).toBe(Status.OK);
    first.server.forceShutdown();
    await eventually(async () => {
      expect((await callOnce(channel, PATHS.unary)).status.code).toBe(Status.UNAVAILABLE);
    });
    using _ = await bytesServer({}, port);
    await eventually(async () => expect((await callOnce(channel, PATHS.unary)).status.code).toBe(Status.OK));
  });

  test("a reader that does not read holds the server back, and reads on", async () => {
    using server = await bytesServer();
    using channel = open(server.address);
    let got = 0;
    let wanted = 1;
    const request = { path: PATHS.endless, metadata: [], deadlineMs: Number.POSITIVE_INFINITY };
    const call = channel.start(
      { ...request, message: Buffer.alloc(10_000) },
      {
        onHeader() {},
        onMessage: () => {
          got++;
          if (got < wanted) call.read();
        },
        onWritable() {},
        onEnd() {},
      },
    );
    call.read();
    // The server stands still once it has filled what lies between: the same number, looked at again and again.
    let before = -1;
    const standsStill = () => {
      const now = server.counts.produced;
      const still = now > 0 && now === before;
      before = now;
      expect(still).toBe(true);
    };
    await eventually(standsStill, { intervalMs: 200 });
    expect(got).toBe(1);
    expect(server.counts.produced).toBeLessThan(500);
    wanted = 1_000;
    call.read();
    await eventually(() => expect(got).toBe(1_000));
    call.cancel(Status.CANCELLED, "enough");
    await eventually(() => expect(server.counts.open).toBe(0));
  });

  test("a server that does not read holds the writer back", async () => {
    using server = await bytesServer();
    using channel = open(server.address);
    const running = startCall(channel, PATHS.lazy);
    let written = 0;
    const writing = (async () => {
      for (; written < 5_000; written++) if (!running.call.write(Buffer.alloc(10_000))) await running.room();
    })();
    await eventually(() => expect(server.counts.read).toBe(1));
    let before = -1;
    await eventually(
      () => {
        const still = written === before;
        before = written;
        expect(still).toBe(true);
      },
      { intervalMs: 200 },
    );
    expect(written).toBeLessThan(500);
    running.call.cancel(Status.CANCELLED, "enough");
    expect((await running.outcome).status.code).toBe(Status.CANCELLED);
    await eventually(() => expect(server.counts.open).toBe(0));
    // Whoever still waits for room waits for nothing: the call has ended.
    expect(await Promise.race([writing.then(() => "wrote"), running.outcome.then(() => "ended")])).toBe("ended");
  });

  test("more calls than the server takes at once wait for their turn", async () => {
    using server = await bytesServer({ "grpc.max_concurrent_streams": 3 });
    using channel = open(server.address);
    const outcomes = await Promise.all(Array.from({ length: 150 }, () => callOnce(channel, PATHS.unary)));
    expect(new Set(outcomes.map(({ status }) => status.code))).toEqual(new Set([Status.OK]));
  });

  test("a call that finds nobody says that it was not sent, and no server can say so for it", async () => {
    using nobody = open(`127.0.0.1:${await freePort()}`);
    const unsent = await callOnce(nobody, PATHS.unary);
    expect(unsent.status).toMatchObject({ code: Status.UNAVAILABLE, unprocessed: "unsent" });
    using relay = await rawServer({
      onStream: (stream) =>
        stream.respond({ ...GOOD, "grpc-status": "14", "grpc-message": unsent.status.message }, { endStream: true }),
    });
    using channel = open(relay.address);
    const { status } = await callOnce(channel, PATHS.unary);
    expect([status.code, status.unprocessed]).toEqual([Status.UNAVAILABLE, undefined]);
  });
});
