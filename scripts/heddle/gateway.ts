import type { Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { readEnvironment, variable } from "#mesh/config";

const shape = {
  HEDDLE_GATEWAY_URL: variable.text("").describe("where the gateway listens"),
  GATEWAY_PORT: variable.port(8080),
};

/** The gateway, which needs no certificate. */
export function toGateway(env: NodeJS.ProcessEnv): Transport {
  const { HEDDLE_GATEWAY_URL: url, GATEWAY_PORT: port } = readEnvironment(shape, env);
  return createConnectTransport({ baseUrl: url || `http://127.0.0.1:${port}`, httpVersion: "1.1" });
}
