import { readContract } from "#mesh/contract";
import type { ServiceIdentity } from "#mesh/identity";
import { createRpcServer, type RpcServer } from "#mesh/rpc";
import { createLogger } from "#mesh/telemetry";
import type { ServerRequest, Suite } from "./protocol.ts";
import { conformanceService } from "./service.ts";

/** Starts a server of the mesh that serves ConformanceService as the suite asks. */
export async function startMeshServer(suite: Suite, asked: Partial<ServerRequest>): Promise<RpcServer> {
  const server = createRpcServer({
    host: "127.0.0.1",
    port: 0,
    contract: readContract({ services: [suite.service] }),
    services: [conformanceService(suite)],
    tokens: { verify: async () => undefined },
    identity: identityOf(asked),
    log: createLogger({ name: "conformance", level: "warn", destination: process.stderr }),
    // What was asked comes back with every answer, so answers are larger.
    ...(asked.messageReceiveLimit && { maxMessageBytes: asked.messageReceiveLimit, maxResponseBytes: 4 * 1024 * 1024 }),
  });
  await server.start();
  return server;
}

/** The suite's certificates belong to no service of a mesh: nobody is known by them. */
function identityOf({ useTls, serverCreds, clientTlsCert }: Partial<ServerRequest>): ServiceIdentity {
  const nobody = { name: "conformance", header: () => undefined, callerOf: () => undefined };
  if (!useTls || !serverCreds) return { ...nobody, tls: undefined };
  const pem = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const own = { chain: pem(serverCreds.cert), key: pem(serverCreds.key) };
  const certificates = { own, authorities: pem(clientTlsCert?.length ? clientTlsCert : serverCreds.cert) };
  const source = { current: () => certificates, onChange: () => () => {} };
  return { ...nobody, tls: { certificates: source, guest: false, checkServer: () => () => undefined } };
}
