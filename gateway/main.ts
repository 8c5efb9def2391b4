import { run } from "#mesh/process";
import { readGatewayConfig } from "./config.ts";
import { gateway } from "./gateway.ts";
import { inProcesses } from "./processes.ts";
import { documentation, edgeServices } from "./services.ts";

await run(() => {
  const config = readGatewayConfig();
  return inProcesses(config, () => gateway({ config, services: edgeServices(config), documentation }));
});
