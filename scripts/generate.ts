// `npm run gen`: third-party protos from npm packages → third_party/, then every contract → gen/.
import { run } from "./run.ts";
import { writeThirdPartyProtos } from "./third-party-protos.ts";

writeThirdPartyProtos();
await run("buf", ["generate"]);
