// One replica of the echo service as a process of its own: finds its port, its name and the broker in the environment.
import { setTimeout } from "node:timers/promises";
import { readContract } from "#mesh/contract";
import { createRegistrar, registryBucket } from "#mesh/discovery";
import { secretIdentity } from "#mesh/identity";
import { maintainConnection, openBucket } from "#mesh/nats";
import { group, type Part, run } from "#mesh/process";
import { createRpcServer, implement } from "#mesh/rpc";
import { createLogger } from "#mesh/telemetry";
import { EchoErrorReason, EchoService } from "../../mesh/rpc/echo-contract.fixture.ts";
import { echoHandlers, plainTokens, SECRET } from "../../mesh/rpc/echo-server.fixture.ts";

const { NATS_URL: natsUrl = "", ECHO_PORT = "0", ECHO_NAME = "", ECHO_DELAY_MS = "0", ECHO_HEARTBEAT_MS } = process.env;

/** Every unary method answers with the replica's name, once its delay is over. */
async function answer() {
  await setTimeout(Number(ECHO_DELAY_MS));
  return { text: ECHO_NAME };
}

await run(() => {
  const log = createLogger({ name: ECHO_NAME, level: "warn" });
  const connection = maintainConnection({ url: natsUrl, name: ECHO_NAME, log });
  const broker: Part = { name: "broker", start: () => connection.start(), stop: () => connection.stop() };
  const server = createRpcServer({
    host: "127.0.0.1",
    port: Number(ECHO_PORT),
    contract: readContract({ services: [EchoService], ...(EchoErrorReason ? { reasons: EchoErrorReason } : {}) }),
    services: [
      implement(EchoService, { ...echoHandlers, unary: answer, inTurn: answer, impatient: answer, hedged: answer }),
    ],
    tokens: plainTokens,
    identity: secretIdentity("test.echo", SECRET),
    log,
  });
  const self = () => ({
    ...{ service: "test.echo", address: server.address, version: "", zone: "", weight: 100, schemaHash: "" },
  });
  const registrar = createRegistrar(openBucket(connection, registryBucket(1), log), self, log, {
    heartbeatMs: Number(ECHO_HEARTBEAT_MS),
  });
  return { ...group("echo", [broker, registrar.removal, server, registrar]), log };
});
