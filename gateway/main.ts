import { run, StartError } from "#mesh/process";
import { createLogger } from "#mesh/telemetry";
import { readGatewayConfig } from "./config.ts";
import { gateway } from "./gateway.ts";
import { edgeServices } from "./services.ts";

try {
  const config = readGatewayConfig();
  const log = createLogger({ name: "gateway", level: config.logLevel, format: config.logFormat });
  await run(gateway({ config, services: edgeServices(config), log }), { log });
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
