import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createDiscovery } from "#mesh/discovery";
import type { CallExplanation } from "#mesh/resilience";
import { createTargetTransport } from "#mesh/rpc";
import { channelUnderTest, eventually, freePort } from "#mesh/testing";
import { EchoService } from "../../mesh/rpc/echo-contract.fixture.ts";
import { startLoad } from "../mesh/load.fixture.ts";
import { namespacesAreAvailable, networkNamespace } from "./network-namespace.ts";

const main = fileURLToPath(new URL("echo-main.fixture.ts", import.meta.url));
const available = namespacesAreAvailable();
if (!available)
  console.warn("NOT RUN: half-open connections, which need Linux, iproute2 and the right to make networks");

/** Starts an echo server by a command that may put it elsewhere. */
async function startEcho(name: string, host: string, within: readonly string[] = []) {
  const port = await freePort();
  const [program = "", ...args] = [...within, process.execPath, main, name, host, String(port)];
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  await eventually(async () => {
    const socket = connect(port, host);
    await once(socket, "connect");
    socket.destroy();
  });
  const stop = async () => {
    child.kill("SIGKILL");
    await once(child, "close");
  };
  return { address: `${host}:${port}`, [Symbol.asyncDispose]: stop };
}

// Without the rights there is nothing to run: it is said above.
test.runIf(available)(
  "a replica whose cable is pulled fails no call, slows few, and is called again when it is back",
  async () => {
    using far = networkNamespace();
    await using lost = await startEcho("far", far.host, far.within);
    await using near = await startEcho("near", "127.0.0.1");
    const explained: CallExplanation[] = [];
    const transport = createTargetTransport({
      service: EchoService,
      address: `${lost.address},${near.address}`,
      discovery: createDiscovery(),
      place: { zone: "", seed: "test" },
      channel: channelUnderTest(),
      onExplained: (explanation) => explained.push(explanation),
    });
    const client = createClient(EchoService, transport);
    const load = startLoad(8, () => client.impatient({}));
    await Promise.all(["far", "near"].map((name) => load.answeredBy(name)));

    const before = explained.length;
    far.pull();
    await load.more(2_000);
    const meanwhile = explained.slice(before);
    far.plug();
    await load.answeredBy("far");
    await load.end();
    transport.close();
    const slowed = meanwhile.filter(({ attempts }) => attempts.some(({ code }) => code !== 0));
    expect(load.failures).toEqual([]);
    // The calls that it had, and some before it is left out.
    expect(slowed.length).toBeGreaterThan(0);
    expect(slowed.length).toBeLessThan(meanwhile.length / 10);
  },
  300_000,
);
