import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { decodeMetadata, type ReceivedMetadata } from "#mesh/channel";
import { EchoService } from "./echo-contract.fixture.ts";
import { CHANNELS, echoServer, targetOver, transportOver } from "./echo-server.fixture.ts";

const { unary, sticky, bidi } = EchoService.method;
const ways = CHANNELS.flatMap((channel) => [
  [`over ${channel}`, transportOver(channel)] as const,
  [`over ${channel}, by the policies of a target`, targetOver(channel)] as const,
]);
const wish = { signal: undefined, timeoutMs: undefined };

function encoded(text: string): Uint8Array {
  return toBinary(unary.input, create(unary.input, { text }));
}

describe.each(ways)("%s", (_, transportTo) => {
  test("an encoded message is carried there and the answer back, with metadata", async () => {
    let heard: string | null = null;
    await using echo = await echoServer({
      async unary({ text }, { requestHeader, responseHeader, responseTrailer }) {
        heard = requestHeader.get("x-mine");
        responseHeader.set("x-head", "1");
        responseTrailer.set("x-end", "2");
        return { text };
      },
    });
    using transport = transportTo(echo.address);
    const metadata = ["x-mine", "yes"];
    const answer = await transport.unaryBytes(unary, { ...wish, metadata }, encoded("hi"));
    expect(fromBinary(unary.output, answer.message).text).toBe("hi");
    const [head, end] = [decodeMetadata(answer.header), decodeMetadata(answer.trailer)];
    expect([heard, head.get("x-head"), end.get("x-end")]).toEqual(["yes", "1", "2"]);
  });

  test("the rules of the fields hold, and bytes that are no message are refused by the service", async () => {
    await using echo = await echoServer();
    using transport = transportTo(echo.address);
    for (const message of [encoded("more than ten letters"), Uint8Array.of(0x0a, 0xff)]) {
      const error = await transport.unaryBytes(unary, wish, message).then(() => expect.fail(), ConnectError.from);
      expect(error.code).toBe(Code.InvalidArgument);
    }
  });

  test("a method that keeps to one endpoint can be called, also with bytes that are no message", async () => {
    await using echo = await echoServer();
    using transport = transportTo(echo.address);
    const answer = await transport.unaryBytes(sticky, wish, encoded("hi"));
    expect(fromBinary(sticky.output, answer.message).text).toBe("hi");
    const refused = transport.unaryBytes(sticky, wish, Uint8Array.of(0x0a, 0xff));
    await expect(refused).rejects.toMatchObject({ code: Code.InvalidArgument });
  });

  test("a stream carries messages as they are written and asked for", async () => {
    await using echo = await echoServer();
    using transport = transportTo(echo.address);
    const received: string[] = [];
    const { promise, resolve } = Promise.withResolvers<[ConnectError | undefined, ReceivedMetadata]>();
    const call = await transport.streamBytes(bidi, wish, {
      onHeader() {},
      onMessage(message) {
        received.push(fromBinary(bidi.output, message).text);
        if (received.length === 2) call.halfClose();
        else call.write(encoded("b"));
        call.read();
      },
      onWritable() {},
      onEnd: (error, trailer) => resolve([error, trailer]),
    });
    call.write(encoded("a"));
    call.read();
    expect((await promise)[0]).toBeUndefined();
    expect(received).toEqual(["A", "B"]);
  });

  test("a stream may be iterated, and ends with what the service says", async () => {
    await using echo = await echoServer({
      async *bidi(requests) {
        for await (const { text } of requests) yield { text: text.toUpperCase() };
        throw new ConnectError("enough", Code.DataLoss);
      },
    });
    using transport = transportTo(echo.address);
    async function* two() {
      yield encoded("a");
      yield encoded("b");
    }
    const received: string[] = [];
    const reading = async () => {
      for await (const bytes of await transport.iterateBytes(bidi, wish, two())) {
        received.push(fromBinary(bidi.output, bytes).text);
      }
    };
    await expect(reading()).rejects.toMatchObject({ code: Code.DataLoss, rawMessage: "enough" });
    expect(received).toEqual(["A", "B"]);
  });
});
