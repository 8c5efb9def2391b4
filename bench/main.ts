// `npm run bench`, or `npm run bench -- rpc gateway checkout events` for some of them: measures and prints ratios.
// With --peers, rpc measures NestJS and Moleculer, too, and installs them from the network when they are not there.
import { runCheckoutBench } from "./checkout/main.ts";
import { runEventsBench } from "./events/main.ts";
import { runGatewayBench } from "./gateway/main.ts";
import { runRpcBench } from "./rpc/main.ts";

const peersFlag = "--peers";
const words = process.argv.slice(2);
const wanted = words.filter((word) => word !== peersFlag);
const peers = words.includes(peersFlag);

const benches: Readonly<Record<string, () => Promise<object>>> = {
  rpc: () => runRpcBench({ peers }),
  gateway: runGatewayBench,
  checkout: runCheckoutBench,
  events: runEventsBench,
};

const unknown = wanted.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(`there is no benchmark ${unknown.join(", ")}; choose from ${Object.keys(benches).join(", ")}`);
  process.exit(1);
}
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n${name}`);
  console.table(await bench());
}
