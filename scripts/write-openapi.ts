// Writes docs/openapi.yaml, the OpenAPI document of the shop's gateway; `--into <folder>` writes it below that folder.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readPolicies } from "#mesh/contract";
import { openApiYaml } from "../gateway/openapi/api-pages.ts";
import { openApiDocument } from "../gateway/openapi/document.ts";
import { createMessageRegistry } from "../gateway/registry.ts";
import { createRouteTable } from "../gateway/rest/route-table.ts";
import { documentation, edgeContracts } from "../gateway/services.ts";

const { into } = parseArgs({ options: { into: { type: "string", default: "." } } }).values;
const { routes } = createRouteTable(readPolicies(edgeContracts).values(), createMessageRegistry(edgeContracts));
const document = openApiDocument({ routes, ...documentation });
mkdirSync(join(into, "docs"), { recursive: true });
writeFileSync(join(into, "docs/openapi.yaml"), openApiYaml(document));
