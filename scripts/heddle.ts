// `npm run heddle -- …`: looks into a running shop for whoever is on call (docs/operations.md), and serves any gRPC
// server as REST (docs/gateway.md).
import { readFileSync } from "node:fs";
import { ConnectError } from "@connectrpc/connect";
import { Command, InvalidArgumentError } from "commander";
import { StartError } from "#mesh/process";
import { TrafficRulesError } from "#mesh/traffic";
import { gatewayCommand } from "../gateway/standalone/command.ts";
import { fillSecrets } from "./fill-secrets.ts";
import { listBacklogs } from "./heddle/backlog.ts";
import { explainCalls, listTargets, resetBreakers } from "./heddle/calls.ts";
import { CommandFault } from "./heddle/command-fault.ts";
import { actOnLetters, listLetters, showLetter } from "./heddle/dead-letters.ts";
import { type Mesh, openMesh } from "./heddle/mesh.ts";
import { outboxStatus } from "./heddle/outbox.ts";
import { listSagas, showSaga, whySaga } from "./heddle/sagas.ts";
import { listServices, watchServices } from "./heddle/services.ts";
import { tailEvents } from "./heddle/tail.ts";
import { clearTraffic, mirrorTraffic, setTraffic, showTraffic, splitTraffic } from "./heddle/traffic.ts";
import { natsPermissions } from "./nats-login.ts";
import { postgresRoles } from "./postgres-roles.ts";

const program = new Command("heddle").description(
  "Looks into a running shop for whoever is on call, and serves any gRPC server as REST.",
);

/** Runs a command on the signed-in mesh. */
async function onMesh(work: (mesh: Mesh) => Promise<void>): Promise<void> {
  using mesh = await openMesh();
  await work(mesh);
}

function date(text: string): Date {
  const parsed = new Date(text);
  if (Number.isNaN(parsed.getTime())) throw new InvalidArgumentError("write a time such as 2026-01-31T12:00:00Z");
  return parsed;
}

function place(text: string): number | Date {
  return /^\d{1,15}$/.test(text) ? Number(text) : date(text);
}

/** Aborts at the first Ctrl-C; a second one ends the process at once. */
function untilInterrupted(): AbortSignal {
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort());
  return interrupted.signal;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1000) return value;
  throw new InvalidArgumentError("write a whole number from 1 to 1000");
}

function duration(text: string): number {
  const [, value, unit = "s"] = /^(\d{1,9})(s|m|h|d)$/.exec(text) ?? [];
  if (value === undefined) throw new InvalidArgumentError("write a duration such as 30s, 5m, 2h or 1d");
  return Number(value) * { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit as "s" | "m" | "h" | "d"];
}

function filtered(command: Command): Command {
  return command
    .option("--type <name>", "full name of the event's message")
    .option("--key <key>", "key of the saga, such as an order's id")
    .option("--error <hash>", "hash of alike errors, as the list shows it")
    .option("--since <time>", "failed last at this time or later", date);
}

const sagas = program.command("sagas").description("where sagas stand");
sagas
  .command("list")
  .description("participants of all services")
  .option("--saga <name>", "of this saga")
  .option("--state <state>", "in this state, such as PENDING")
  .option("--open", "only those in no final state")
  .option("--older-than <duration>", "not moved for at least this long, such as 5m", duration)
  .option("--limit <n>", "most entries of each service", wholeNumber, 100)
  .option("--json", "print JSON")
  .action((options) => onMesh((mesh) => listSagas(mesh, options)));
sagas
  .command("show <key>")
  .description("every participant of one saga, and what each waits for")
  .option("--json", "print JSON")
  .action((key, options) => onMesh((mesh) => showSaga(mesh, key, options)));
sagas
  .command("why <key>")
  .description("where one saga stands and what it waits for, in a sentence or two")
  .action((key) => onMesh((mesh) => whySaga(mesh, key)));

const letters = program.command("dead-letters").description("events that services could not take in");
filtered(letters.command("list").description("counted by error, and one by one"))
  .option("--limit <n>", "most entries of each service", wholeNumber, 100)
  .option("--json", "print JSON")
  .action((options) => onMesh((mesh) => listLetters(mesh, options)));
letters
  .command("show <letter>")
  .description("one letter with error, headers, payload and audit")
  .option("--json", "print JSON")
  .action((letter, options) => onMesh((mesh) => showLetter(mesh, letter, options)));
for (const act of ["replay", "discard"] as const) {
  filtered(letters.command(`${act} [letters...]`))
    .description(act === "replay" ? "run the handlers again" : "give letters up and let what waits behind them go on")
    .requiredOption("--reason <text>", "why; kept in the audit")
    .option("--all", "all that are open")
    .option("--dry-run", "only say which letters are meant")
    .action((names, options) => onMesh((mesh) => actOnLetters(mesh, act, names, options)));
}

const services = program.command("services").description("running instances of all services");
services
  .command("list")
  .description("who has registered, and how they are")
  .option("--json", "print JSON")
  .action((options) => onMesh((mesh) => listServices(mesh, options)));
services
  .command("watch")
  .description("the same again after each change")
  .action(() => onMesh(watchServices));

program
  .command("outbox")
  .description("events on their way out")
  .command("status")
  .description("what waits to be published, for every service")
  .option("--json", "print JSON")
  .action((options) => onMesh((mesh) => outboxStatus(mesh, options)));

const events = program.command("events").description("events between services");
events
  .command("tail")
  .description("events as they are published, until Ctrl-C")
  .option("--service <name>", "of this service only, such as shop.order")
  .option("--type <name>", "full name of the event's message")
  .option("--key <key>", "key of the aggregate, such as an order's id")
  .option("--from <place>", "begin at this position in the stream, or at this time", place)
  .option("--json", "print JSON, one object a line")
  .action((options) => onMesh((mesh) => tailEvents(mesh, options, untilInterrupted())));
events
  .command("backlog")
  .description("how far each service is behind each one whose events it takes in")
  .option("--json", "print JSON")
  .action((options) => onMesh((mesh) => listBacklogs(mesh, options)));

program
  .command("postgres")
  .description("the database server")
  .command("roles")
  .description("print how an administrator makes the services' roles and databases, for psql")
  .action(() => console.log(postgresRoles()));
program
  .command("nats")
  .description("the broker")
  .command("permissions")
  .description("print who may do what, for the configuration of nats-server")
  .action(async () => console.log(await natsPermissions()));
program
  .command("secrets")
  .description("print .env for compose.yaml, with new secrets")
  .action(() => console.log(fillSecrets(readFileSync(".env.example", "utf8")).trimEnd()));
const calls = program.command("calls").description("calls between services");
calls
  .command("explain <request-id>")
  .description("every call that was made for a request: endpoints tried, guards, and where the time went")
  .option("--json", "print JSON")
  .action((id, options) => onMesh((mesh) => explainCalls(mesh, id, options)));
calls
  .command("targets")
  .description("whom every process calls: endpoints, breakers, budgets")
  .option("--json", "print JSON")
  .action((options) => onMesh((mesh) => listTargets(mesh, options)));
calls
  .command("reset <target>")
  .description("close the breakers of a target, such as shop.catalog")
  .action((target) => onMesh((mesh) => resetBreakers(mesh, target)));

const traffic = program.command("traffic").description("where the calls of a target go, such as shop.catalog");
traffic
  .command("show <target>")
  .description("its rules as JSON")
  .action((target) => onMesh((mesh) => showTraffic(mesh, target)));
traffic
  .command("split <target> [shares...]")
  .description("shares of versions, such as v1=90 v2=10; without any, the split is taken away")
  .action((target, shares) => onMesh((mesh) => splitTraffic(mesh, target, shares)));
traffic
  .command("mirror <target> [share]")
  .description("copies for a version, such as v2=10 for 10 % of the calls that are safe to repeat; without it, none")
  .action((target, share) => onMesh((mesh) => mirrorTraffic(mesh, target, share)));
traffic
  .command("set <target> <json>")
  .description("replace all rules: routes by header and user, splits, faults, mirrors")
  .action((target, json) => onMesh((mesh) => setTraffic(mesh, target, json)));
traffic
  .command("clear <target>")
  .description("take all rules away")
  .action((target) => onMesh((mesh) => clearTraffic(mesh, target)));

// npm runs scripts in the folder of the package, and says from where it was called.
program.addCommand(gatewayCommand(process.env.INIT_CWD ?? process.cwd()));

try {
  await program.parseAsync();
} catch (error) {
  const known =
    error instanceof TrafficRulesError ||
    error instanceof CommandFault ||
    error instanceof StartError ||
    error instanceof ConnectError;
  console.error(known ? error.message : error);
  process.exitCode = 1;
}
