import { create, toBinary } from "@bufbuild/protobuf";
import { readFrames, writeFrame } from "./frames.ts";
import { readSuite, type ServerRequest, type Suite } from "./protocol.ts";

/** Starts a server as the suite asks and returns host:port. */
export type Start = (suite: Suite, asked: ServerRequest) => Promise<string>;

/**
 * Starts the server that the suite asks for on stdin, and tells it on stdout where it is. The suite ends the process when
 * it has seen enough.
 */
export async function answerSuite(image: string, start: Start): Promise<void> {
  const suite = readSuite(image, { served: true });
  for await (const frame of readFrames()) {
    const asked = suite.readServerRequest(frame);
    const [host, port] = (await start(suite, asked)).split(":");
    const answer = { host, port: Number(port), pemCert: asked.serverCreds?.cert ?? new Uint8Array() };
    writeFrame(toBinary(suite.serverResponse, create(suite.serverResponse, answer)));
  }
}
