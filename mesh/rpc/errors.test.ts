import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { Refusal } from "#mesh/refusal";
import { errorOf } from "./catch-error.fixture.ts";
import { EchoService } from "./echo-contract.fixture.ts";
import { CHANNELS, echoServer, transportOver } from "./echo-server.fixture.ts";

describe.each(CHANNELS)("over %s", (channel) => {
  const transportTo = transportOver(channel);

  /** Makes a unary call to a handler that throws. */
  async function thrown(error: unknown) {
    await using echo = await echoServer({
      unary: () => Promise.reject(error),
      async *serverStream() {
        yield { text: "first" };
        throw error;
      },
    });
    using transport = transportTo(echo.address);
    const client = createClient(EchoService, transport);
    const unary = await errorOf(client.unary({}));
    const streamed = await errorOf(Array.fromAsync(client.serverStream({})));
    await expect.poll(() => echo.records).toHaveLength(2);
    return { unary, streamed, lines: echo.lines.filter(({ msg }) => msg === "call") };
  }

  test("a ConnectError arrives with code, message, details and metadata", async () => {
    const retry = { desc: RetryInfoSchema, value: { retryDelay: { seconds: 7n } } };
    const sent = new ConnectError("slow down: 100 % (%3A) café", Code.ResourceExhausted, { "x-limit": "10" }, [retry]);
    const { unary, streamed } = await thrown(sent);
    for (const error of [unary, streamed]) {
      expect(error).toMatchObject({ code: Code.ResourceExhausted, rawMessage: "slow down: 100 % (%3A) café" });
      expect(error.findDetails(RetryInfoSchema)).toMatchObject([{ retryDelay: { seconds: 7n } }]);
      expect(error.metadata.get("x-limit")).toBe("10");
    }
  });

  test("an error of another server passes on with its details", async () => {
    const refusal = new Refusal(1, { text: "x" });
    await using inner = await echoServer({ unary: () => Promise.reject(refusal) });
    using innerTransport = transportTo(inner.address);
    await using outer = await echoServer({ unary: () => createClient(EchoService, innerTransport).unary({}) });
    using outerTransport = transportTo(outer.address);
    const error = await errorOf(createClient(EchoService, outerTransport).unary({}));
    expect(error.code).toBe(Code.NotFound);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "NO_ECHO", domain: "test.echo" }]);
  });

  test("a refusal becomes the status that its reason declares", async () => {
    const { unary, streamed } = await thrown(new Refusal(1, { text: "abc" }));
    for (const error of [unary, streamed]) {
      expect(error).toMatchObject({ code: Code.NotFound, rawMessage: "there is no echo of abc here" });
      const info = { reason: "NO_ECHO", domain: "test.echo", metadata: { text: "abc" } };
      expect(error.findDetails(ErrorInfoSchema)).toMatchObject([info]);
    }
  });

  test.each([
    ["an unknown throw", new Error("password=hunter2")],
    ["a thrown string", "password=hunter2"],
    ["a reason that the contract lacks", new Refusal(99, { password: "hunter2" })],
  ])("%s leaves as an id, and its cause is in the log", async (_, error) => {
    const { unary, lines } = await thrown(error);
    expect(unary.code).toBe(Code.Internal);
    expect(JSON.stringify([unary.rawMessage, ...unary.metadata])).not.toContain("hunter2");
    const id = /^internal error, id ([0-9a-f]{16})$/.exec(unary.rawMessage)?.[1];
    expect(lines[0]).toMatchObject({ level: "error", errorId: id, code: "Internal", err: expect.anything() });
  });

  test("half a surrogate pair in a message does no harm", async () => {
    expect((await thrown(new ConnectError("bad \ud800", Code.Aborted))).unary.code).toBe(Code.Aborted);
  });

  test("details too long for trailers are left out, code and message arrive", async () => {
    const value = { reason: "x".repeat(20_000) };
    const sent = new ConnectError("m".repeat(5_000), Code.Aborted, undefined, [{ desc: ErrorInfoSchema, value }]);
    const { unary } = await thrown(sent);
    expect(unary.code).toBe(Code.Aborted);
    expect(unary.rawMessage).toMatch(/^m{1024}…$/);
    expect(unary.details).toEqual([]);
  });

  test("a broken rule names field, description and reason; nothing reaches the handler", async () => {
    let calls = 0;
    await using echo = await echoServer({
      unary: async () => {
        calls++;
        return {};
      },
    });
    using transport = transportTo(echo.address);
    const error = await errorOf(createClient(EchoService, transport).unary({ text: "01234567890", count: -1 }));
    expect(error).toMatchObject({ code: Code.InvalidArgument, rawMessage: expect.stringContaining("text: ") });
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([
      { field: "text", reason: "STRING_MAX_LEN", description: expect.stringContaining("10") },
      { field: "count", reason: "INT32_GTE", description: expect.stringContaining("0") },
    ]);
    expect(calls).toBe(0);
  });

  test("each message of a stream is validated when its turn comes", async () => {
    await using echo = await echoServer();
    using transport = transportTo(echo.address);
    async function* talk() {
      yield { text: "good" };
      yield { text: "much too long for this" };
    }
    const heard: string[] = [];
    const listen = async () => {
      for await (const { text } of createClient(EchoService, transport).bidi(talk())) heard.push(text);
    };
    expect(await errorOf(listen())).toMatchObject({ code: Code.InvalidArgument });
    expect(heard).toEqual(["GOOD"]);
  });

  test("a message over the limit is refused with both sizes, and logged", async () => {
    await using echo = await echoServer({}, { maxMessageBytes: 1_000 });
    using transport = transportTo(echo.address);
    const error = await errorOf(createClient(EchoService, transport).unary({ data: new Uint8Array(2_000) }));
    expect(error).toMatchObject({ code: Code.ResourceExhausted, rawMessage: expect.stringMatching(/200\d.*1000/) });
    await expect.poll(() => echo.records).toMatchObject([{ code: Code.ResourceExhausted }]);
  });

  test("a response over the limit is an error at the server that made it", async () => {
    await using echo = await echoServer(
      { unary: async () => ({ data: new Uint8Array(2_000) }) },
      { maxMessageBytes: 1_000 },
    );
    using transport = transportTo(echo.address);
    const error = await errorOf(createClient(EchoService, transport).unary({}));
    expect(error.rawMessage).toBe("the response of 2003 bytes is larger than the limit of 1000");
  });

  test("a response may have a limit of its own", async () => {
    await using echo = await echoServer(
      { unary: async () => ({ data: new Uint8Array(2_000) }) },
      { maxMessageBytes: 1_000, maxResponseBytes: 3_000 },
    );
    using transport = transportTo(echo.address);
    const client = createClient(EchoService, transport);
    expect((await client.unary({})).data).toHaveLength(2_000);
    expect(await errorOf(client.unary({ data: new Uint8Array(2_000) }))).toMatchObject({
      code: Code.ResourceExhausted,
    });
  });
});
