// `npm start`: the whole shop on this machine. Servers first, then services, then one screen that says what to try.
import { parseArgs } from "node:util";
import { readEnvironment, variable } from "#mesh/config";
import { type Part, type Program, run, StartError } from "#mesh/process";
import { createLogger } from "#mesh/telemetry";
import { localTopology } from "./local-topology.ts";

const help = `Usage: npm start [-- options]

Starts Postgres, NATS, every service of the shop and the gateway, and keeps the data for the next start.

  --fresh   delete all data first
  --help    show this

Environment
  GATEWAY_PORT           port of the gateway                              8080
  <SYSTEM>_<SERVICE>_PORT  port of a service, such as SHOP_ORDER_PORT     50051 and up
  PAYMENT_PROVIDER_PORT  port of the test payment provider                50061
  HEDDLE_POSTGRES_PORT   port of Postgres                                 54329
  HEDDLE_NATS_PORT       port of NATS                                     42229
  HEDDLE_DATA            folder of all data                               .data
  HEDDLE_TLS             off: services speak plain text with each other   on
  POSTGRES_URL, NATS_URL use servers that run already instead of our own
  HEDDLE_ADMIN_PASSWORD  password of admin@heddle.local at the first start   heddle-admin
  LOG_LEVEL, LOG_FORMAT  how much is logged, and how                      warn, pretty
`;

interface Options {
  fresh: boolean;
}

function readOptions(args: string[]): Options {
  const options = { fresh: { type: "boolean", default: false } } as const;
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new StartError(`${error instanceof Error ? error.message : error}\n\n${help}`);
  }
}

/** Reading what the user wrote is part of the start, so that its faults are shown like all others. */
function topology(options: Options): Program {
  const say = (text: string) => console.log(text);
  const { LOG_LEVEL: level } = readEnvironment({ LOG_LEVEL: variable.text("warn") });
  let part: Part | undefined;
  return {
    name: "shop",
    log: createLogger({ name: "heddle", level, format: "pretty" }),
    start() {
      part = localTopology({ env: process.env, fresh: options.fresh, say });
      return part.start();
    },
    async stop() {
      await part?.stop();
    },
  };
}

if (process.argv.includes("--help")) console.log(help);
else await run(() => topology(readOptions(process.argv.slice(2))), { stopTimeoutMs: 25_000 });
