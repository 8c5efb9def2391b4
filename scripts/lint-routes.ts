// Prints what is odd about the HTTP rules of the gateway's contracts, with file and line. Exit code 1: some cannot be
// served. `npm run check` runs it.
import { createFileRegistry, type DescService } from "@bufbuild/protobuf";
import { readPolicies } from "#mesh/contract";
import { isOpenToPeople } from "../gateway/guard/edge-method.ts";
import { apiPaths } from "../gateway/openapi/api-pages.ts";
import { createMessageRegistry } from "../gateway/registry.ts";
import { lintRoutes } from "../gateway/rest/lint-routes.ts";
import { createRouteTable, RouteError } from "../gateway/rest/route-table.ts";
import { createPlaceOf } from "../gateway/rest/rule-place.ts";
import { edgeContracts } from "../gateway/services.ts";
import { healthPaths } from "../gateway/upstream/health.ts";
import { readImage } from "./read-image.ts";

const { files, services } = await contracts();
const placeOf = createPlaceOf(() => files);
try {
  const policies = [...readPolicies(services).values()];
  const table = createRouteTable(policies, createMessageRegistry(services), { placeOf });
  const rpcPaths = policies.filter(isOpenToPeople).map(({ method }) => `/${method.parent.typeName}/${method.name}`);
  const findings = lintRoutes(table, { rpcPaths, ownPaths: [...healthPaths, ...apiPaths], placeOf });
  console.log(`of ${table.routes.length} routes${findings.map((finding) => `\n  odd: ${finding}`).join("")}`);
} catch (fault) {
  if (!(fault instanceof RouteError)) throw fault;
  console.error(fault.message);
  process.exitCode = 1;
}

/** The gateway's contracts as they stand in proto/, with their lines. */
async function contracts() {
  const registry = createFileRegistry(await readImage());
  const served = edgeContracts.map(({ typeName }) => registry.getService(typeName));
  return {
    files: [...registry.files],
    services: served.filter((service): service is DescService => service !== undefined),
  };
}
