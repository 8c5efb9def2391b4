// `npm run bench`, or `npm run bench -- rpc gateway checkout events` for some of them: measures and prints ratios.
// With --peers, rpc measures NestJS and Moleculer, too; with --go, gateway measures grpc-gateway: both are installed from
// the network when they are not there. With --memory, gateway measures what it holds in memory instead.
import { runCheckoutBench } from "./checkout/main.ts";
import { runEventsBench } from "./events/main.ts";
import { runGatewayBench } from "./gateway/main.ts";
import { runRpcBench } from "./rpc/main.ts";

const words = process.argv.slice(2);
const flags = new Set(words.filter((word) => word.startsWith("--")));
const wanted = words.filter((word) => !flags.has(word));

const benches: Readonly<Record<string, () => Promise<object>>> = {
  rpc: () => runRpcBench({ peers: flags.has("--peers") }),
  gateway: () => runGatewayBench({ go: flags.has("--go"), memory: flags.has("--memory") }),
  checkout: runCheckoutBench,
  events: runEventsBench,
};

const knownFlags = new Set(["--peers", "--go", "--memory"]);
const unknown = [...wanted.filter((name) => !(name in benches)), ...flags.difference(knownFlags)];
if (unknown.length > 0) {
  console.error(`there is no benchmark ${unknown.join(", ")}; choose from ${Object.keys(benches).join(", ")}`);
  process.exit(1);
}
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n${name}`);
  console.table(await bench());
}
