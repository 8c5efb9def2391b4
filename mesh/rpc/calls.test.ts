import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { freePort } from "#mesh/testing";
import { EchoService } from "./echo-contract.fixture.ts";
import { CHANNELS, echoServer, targetOver, transportOver } from "./echo-server.fixture.ts";

const ways = CHANNELS.flatMap((channel) => [
  [`over ${channel}`, transportOver(channel)] as const,
  [`over ${channel}, by the policies of a target`, targetOver(channel)] as const,
]);

describe.each(ways)("%s", (_, transportTo) => {
  async function* list<T>(...items: T[]): AsyncGenerator<T> {
    yield* items;
  }

  async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
    return Array.fromAsync(items);
  }

  test("a unary call carries its message there and back", async () => {
    await using echo = await echoServer();
    using transport = transportTo(echo.address);
    const client = createClient(EchoService, transport);
    const data = new Uint8Array([0, 1, 255]);
    expect(await client.unary({ text: "hi", data })).toMatchObject({ text: "hi", data: Buffer.from(data) });
  });

  test("a server stream arrives in order and ends", async () => {
    await using echo = await echoServer();
    using transport = transportTo(echo.address);
    const answers = await collect(createClient(EchoService, transport).serverStream({ text: "m", count: 50 }));
    expect(answers.map(({ text }) => text)).toEqual(Array.from({ length: 50 }, (_, i) => `m${i}`));
  });

  test("a client stream is answered once", async () => {
    await using echo = await echoServer();
    using transport = transportTo(echo.address);
    const client = createClient(EchoService, transport);
    expect((await client.clientStream(list({ text: "a" }, { text: "b" }))).text).toBe("a,b");
    expect((await client.clientStream(list())).text).toBe("");
  });

  test("a client stream that is given up does not look whole to its handler", async () => {
    const outcome = Promise.withResolvers<string>();
    const leaving = new AbortController();
    await using echo = await echoServer({
      async clientStream(requests) {
        try {
          for await (const _ of requests) leaving.abort();
          outcome.resolve("whole");
        } catch {
          outcome.resolve("given up");
        }
        return {};
      },
    });
    using transport = transportTo(echo.address);
    async function* half() {
      yield { text: "a" };
      await new Promise(() => undefined);
    }
    const call = createClient(EchoService, transport).clientStream(half(), { signal: leaving.signal });
    await expect(call).rejects.toMatchObject({ code: Code.Canceled });
    expect(await outcome.promise).toBe("given up");
  });

  test("a bidirectional stream is a conversation", async () => {
    await using echo = await echoServer();
    using transport = transportTo(echo.address);
    const heard: string[] = [];
    const turn = { next: Promise.withResolvers<void>() };
    async function* talk() {
      yield { text: "a" };
      await turn.next.promise;
      yield { text: "b" };
    }
    for await (const { text } of createClient(EchoService, transport).bidi(talk())) {
      heard.push(text);
      turn.next.resolve();
    }
    expect(heard).toEqual(["A", "B"]);
  });

  test("a consumer that leaves ends the stream at the server", async () => {
    let ended = false;
    await using echo = await echoServer({
      async *serverStream({ text }) {
        try {
          for (;;) yield { text };
        } finally {
          ended = true;
        }
      },
    });
    using transport = transportTo(echo.address);
    const leaving = new AbortController();
    const stream = createClient(EchoService, transport).serverStream({}, { signal: leaving.signal });
    const reading = async () => {
      for await (const _ of stream) leaving.abort();
    };
    await expect(reading()).rejects.toMatchObject({ code: Code.Canceled });
    await expect.poll(() => ended).toBe(true);
    await expect.poll(() => echo.records.map(({ code }) => code)).toEqual([Code.Canceled]);
  });

  test("a slow consumer holds the producer back", async () => {
    let produced = 0;
    const text = "x".repeat(10_000);
    await using echo = await echoServer({
      async *serverStream() {
        for (; produced < 2_000; produced++) yield { text };
      },
    });
    using transport = transportTo(echo.address);
    const leaving = new AbortController();
    const stream = createClient(EchoService, transport).serverStream({}, { signal: leaving.signal });
    const iterator = stream[Symbol.asyncIterator]();
    for (let consumed = 0; consumed < 10; consumed++) await iterator.next();
    leaving.abort();
    expect(produced).toBeLessThan(500);
  });

  test("headers and trailers travel both ways, binary ones too", async () => {
    await using echo = await echoServer({
      async unary(_, context) {
        context.responseHeader.set("x-answer", context.requestHeader.get("x-question") ?? "");
        context.responseTrailer.set("x-bytes-bin", context.requestHeader.get("x-bytes-bin") ?? "");
        context.responseTrailer.set("x-name", "Zoë");
        context.responseTrailer.set("x!odd", "left out");
        context.responseTrailer.set("grpc-status", "3");
        return {};
      },
    });
    using transport = transportTo(echo.address);
    const seen: Record<string, string | null> = {};
    await createClient(EchoService, transport).unary(
      {},
      {
        headers: { "x-question": "42", "x-bytes-bin": "AAH/" },
        onHeader: (header) => Object.assign(seen, { answer: header.get("x-answer") }),
        onTrailer: (trailer) =>
          Object.assign(seen, { bytes: trailer.get("x-bytes-bin"), name: decodeURI(trailer.get("x-name") ?? "") }),
      },
    );
    expect(seen).toEqual({ answer: "42", bytes: "AAH/", name: "Zoë" });
  });

  test("both sides report each call once it has ended", async () => {
    await using echo = await echoServer();
    const seen: unknown[] = [];
    using transport = transportTo(echo.address, { onCallEnd: (record) => seen.push(record) });
    const client = createClient(EchoService, transport);
    await client.unary({});
    await client.unary({ text: "much too long" }).catch(() => undefined);
    const expected = [0, Code.InvalidArgument].map((code) => ({
      method: EchoService.method.unary,
      code,
      durationMs: expect.any(Number),
    }));
    expect(seen).toMatchObject(expected.map((record) => ({ ...record, side: "client", peer: echo.address })));
    await expect.poll(() => echo.records).toMatchObject(expected.map((record) => ({ ...record, side: "server" })));
  });

  test("a server that is away is unavailable, and is found again when it is back", async () => {
    const port = await freePort();
    const first = await echoServer({}, { port });
    using transport = transportTo(first.address);
    const client = createClient(EchoService, transport);
    await client.unary({});
    await first.server.stop();
    await expect(client.unary({})).rejects.toMatchObject({ code: Code.Unavailable });
    await using _ = await echoServer({}, { port });
    await expect.poll(() => client.unary({ text: "back" }).catch(() => undefined)).toMatchObject({ text: "back" });
  });

  test("requests that cannot be made end the call with their error", async () => {
    await using echo = await echoServer();
    using transport = transportTo(echo.address);
    async function* broken() {
      yield { text: "a" };
      throw new Error("out of ideas");
    }
    await expect(createClient(EchoService, transport).clientStream(broken())).rejects.toThrow("out of ideas");
  });
});

test.each([
  ["several addresses", (address: string) => `127.0.0.1:1,${address}`],
  ["a name of DNS", (address: string) => `dns:///${address.replace("127.0.0.1", "localhost")}`],
])("%s can be called", async (_, form) => {
  await using echo = await echoServer();
  using transport = transportOver("mesh")(form(echo.address));
  expect(await createClient(EchoService, transport).unary({ text: "hi" })).toMatchObject({ text: "hi" });
});

test("an address that nobody can call is refused at once", () => {
  for (const address of ["http://127.0.0.1:1", "mesh:///shop.order"]) {
    expect(() => transportOver("mesh")(address)).toThrow(TypeError);
  }
});
