// An echo server as a process of its own, on the host and port of its arguments. Unary methods answer with its name.
import { readContract } from "#mesh/contract";
import { secretIdentity } from "#mesh/identity";
import { group, run } from "#mesh/process";
import { createRpcServer, implement } from "#mesh/rpc";
import { createLogger } from "#mesh/telemetry";
import { EchoErrorReason, EchoService } from "../../mesh/rpc/echo-contract.fixture.ts";
import { echoHandlers, plainTokens, SECRET } from "../../mesh/rpc/echo-server.fixture.ts";

const [name = "", host = "", port = ""] = process.argv.slice(2);
const answer = async () => ({ text: name });

await run(() => {
  const log = createLogger({ name, level: "warn" });
  const server = createRpcServer({
    ...{ host, port: Number(port), log },
    contract: readContract({ services: [EchoService], ...(EchoErrorReason ? { reasons: EchoErrorReason } : {}) }),
    services: [implement(EchoService, { ...echoHandlers, impatient: answer })],
    tokens: plainTokens,
    identity: secretIdentity("test.echo", SECRET),
  });
  return { ...group("echo", [server]), log };
});
