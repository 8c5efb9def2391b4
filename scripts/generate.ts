// `npm run gen`: third-party protos from npm packages → third_party/, then every contract → gen/, docs/openapi.yaml and what
// servers are told in deploy/.
import { run } from "./run.ts";
import { writeThirdPartyProtos } from "./third-party-protos.ts";

writeThirdPartyProtos();
await run("buf", ["generate"]);
// What generated code leaves out: comments, lines, and what no generated file imports.
await run("buf", ["build", "proto", "--as-file-descriptor-set", "--output", "gen/contracts.binpb"]);
await run("node", ["scripts/write-openapi.ts"]);
await run("node", ["scripts/write-deployment.ts"]);
