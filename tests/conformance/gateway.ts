// The gateway under test: `gateway.ts <image>` serves ConformanceService by calling a server of the mesh behind it.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "#mesh/telemetry";
import { gateway } from "../../gateway/gateway.ts";
import type { ServerCertificateFiles } from "../../gateway/http/server-certificate.ts";
import { testConfig } from "../../gateway/library.fixture.ts";
import { answerSuite } from "./answer-suite.ts";
import { startMeshServer } from "./mesh-server.ts";
import type { ServerRequest } from "./protocol.ts";

await answerSuite(process.argv[2] ?? "", async (suite, asked) => {
  const { address } = await startMeshServer(suite, {});
  const { messageReceiveLimit } = asked;
  const tls = certificateFiles(asked);
  const edge = gateway({
    config: testConfig({
      metadata: { forwardHeaders: ["*"], showMetadata: ["*"] },
      ...(messageReceiveLimit && { maxBodyBytes: messageReceiveLimit }),
      ...(tls && { tls }),
    }),
    services: [{ service: suite.service, address, server: "conformance" }],
    tokens: { verify: async () => undefined },
    log: createLogger({ name: "conformance", level: "warn", destination: process.stderr }),
  });
  await edge.start();
  return new URL(edge.url).host;
});

function certificateFiles({ useTls, serverCreds }: ServerRequest): ServerCertificateFiles | undefined {
  if (!useTls || !serverCreds) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "heddle-conformance-"));
  const files = { certificate: join(folder, "server.crt"), key: join(folder, "server.key") };
  writeFileSync(files.certificate, serverCreds.cert);
  writeFileSync(files.key, serverCreds.key);
  return files;
}
