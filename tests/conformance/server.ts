// The server under test: `server.ts <image>` is a server of the mesh that serves ConformanceService.
import { answerSuite } from "./answer-suite.ts";
import { startMeshServer } from "./mesh-server.ts";

await answerSuite(process.argv[2] ?? "", async (suite, asked) => (await startMeshServer(suite, asked)).address);
