// The client under test: `client.ts <image>` reads calls from stdin, makes them, and writes what came of them.
import { create, toBinary } from "@bufbuild/protobuf";
import { makeCall } from "./call.ts";
import { readFrames, writeFrame } from "./frames.ts";
import { readSuite } from "./protocol.ts";

const suite = readSuite(process.argv[2] ?? "");

async function answer(frame: Buffer): Promise<void> {
  const request = suite.readRequest(frame);
  const { testName } = request;
  const result = await makeCall(suite, request).then(
    (value) => ({ case: "response", value }),
    (error: unknown) => ({ case: "error", value: { message: String(error) } }),
  );
  writeFrame(toBinary(suite.response, create(suite.response, { testName, result })));
}

/** More at once would make calls wait for the processor, and their deadlines with them. */
const AT_ONCE = 4;
const running = new Set<Promise<void>>();
for await (const frame of readFrames()) {
  const one = answer(frame).finally(() => running.delete(one));
  running.add(one);
  if (running.size >= AT_ONCE) await Promise.race(running);
}
await Promise.all(running);
