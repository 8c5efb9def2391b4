// The client under test: `client.ts <image>` reads calls from stdin, makes them, and writes what came of them.
import { create, toBinary } from "@bufbuild/protobuf";
import { makeCall } from "./call.ts";
import { readSuite } from "./protocol.ts";

const suite = readSuite(process.argv[2] ?? "");

/** Each message comes and goes behind its length in four bytes. */
async function* readFrames(): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
      const end = 4 + rest.readUInt32BE();
      yield rest.subarray(4, end);
      rest = rest.subarray(end);
    }
  }
}

async function answer(frame: Buffer): Promise<void> {
  const request = suite.readRequest(frame);
  const { testName } = request;
  const result = await makeCall(suite, request).then(
    (value) => ({ case: "response", value }),
    (error: unknown) => ({ case: "error", value: { message: String(error) } }),
  );
  const bytes = toBinary(suite.response, create(suite.response, { testName, result }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  process.stdout.write(Buffer.concat([length, bytes]));
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
