import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LocalNatsOptions, type LocalServer, localNats } from "#mesh/local";

/** A nats-server of a test's own. */
export interface TestNats extends AsyncDisposable {
  readonly url: string;
  /** The server itself, to stop and start it in the middle of a test. It keeps its port and its streams. */
  readonly server: LocalServer;
  /** Where it keeps its streams: to be copied and put back while it is stopped. */
  readonly storeFolder: string;
}

/** Starts an empty nats-server with JetStream on a free port, for everyone or for the users of `accounts`. Use with `await using`. */
export async function testNats(options: Pick<LocalNatsOptions, "accounts"> = {}): Promise<TestNats> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-nats-"));
  const server = await localNats({ ...options, folder });
  await server.start();
  return {
    server,
    // nats-server adds a folder of its own to the one that it is given.
    storeFolder: join(folder, "jetstream", "jetstream"),
    get url() {
      return server.url;
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
