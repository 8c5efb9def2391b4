import { toJson } from "@bufbuild/protobuf";
import { type Duration, durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import {
  type AttemptExplanation,
  type CallExplanation,
  DataPlaneService,
  type Endpoint,
  ExplainCallsResponseSchema,
  ListTargetsResponseSchema,
  type Target,
} from "#gen/heddle/mesh/v1/data_plane_service_pb.ts";
import { CommandFault } from "./command-fault.ts";
import type { Mesh } from "./mesh.ts";
import { table, tellAway } from "./table.ts";

/** `calls explain <request id>`: every call that was made for a request, by all processes. */
export async function explainCalls(mesh: Mesh, requestId: string, options: { json?: true }): Promise<void> {
  const { answers, away } = await mesh.askEverybody(DataPlaneService, (client, call) =>
    client.explainCalls({ requestId }, call),
  );
  if (options.json) {
    print(answers.map(({ service, value }) => ({ service, ...Object(toJson(ExplainCallsResponseSchema, value)) })));
  } else {
    const calls = answers.flatMap(({ service, value }) => value.calls.map((call) => ({ service, call })));
    if (calls.length === 0) throw new CommandFault(`nobody remembers a call for the request ${requestId}`);
    const inOrder = calls.toSorted((a, b) => startOf(a.call) - startOf(b.call));
    console.log(inOrder.map(({ service, call }) => draw(service, call)).join("\n\n"));
  }
  tellAway(away);
}

/** `calls targets`: whom every process calls, and how that goes. */
export async function listTargets(mesh: Mesh, options: { json?: true }): Promise<void> {
  const { answers, away } = await mesh.askEverybody(DataPlaneService, (client, call) => client.listTargets({}, call));
  if (options.json) {
    print(answers.map(({ service, value }) => ({ service, ...Object(toJson(ListTargetsResponseSchema, value)) })));
  } else {
    const rows = answers.flatMap(({ service, value }) => value.targets.flatMap((target) => rowsOf(service, target)));
    console.log(table(["CALLER", "TARGET", "BREAKER", "BUDGET", "ENDPOINT", "STATE", "VERSION", "UNDER WAY"], rows));
  }
  tellAway(away);
}

/** `calls reset <target>`: closes the breakers of a target everywhere. */
export async function resetBreakers(mesh: Mesh, target: string): Promise<void> {
  const { answers, away } = await mesh.askEverybody(DataPlaneService, (client, call) =>
    client.resetBreakers({ target }, call),
  );
  if (answers.length === 0 && away.length === 0) throw new CommandFault(`nobody has called ${target}`);
  console.log(`closed at ${answers.map(({ service }) => service).join(", ") || "nobody"}`);
  tellAway(away);
}

function rowsOf(service: string, { name, breaker, budgetLeft, endpoints }: Target): string[][] {
  const head = [service, name, breaker?.state ?? "-", budgetLeft === undefined ? "-" : budgetLeft.toFixed(1)];
  if (endpoints.length === 0) return [[...head, "none known", "-", "-", "-"]];
  return endpoints.map((endpoint) => [
    ...head,
    endpoint.address,
    stateOf(endpoint),
    endpoint.version || "-",
    String(endpoint.callsUnderWay),
  ]);
}

function stateOf({ state, ejectedUntil, unreachable }: Endpoint): string {
  if (unreachable) return "unreachable";
  return ejectedUntil ? `ejected until ${timestampDate(ejectedUntil).toISOString()}` : state;
}

function draw(service: string, call: CallExplanation): string {
  const { method, code, message, decidedBy, route, stopped, breakerBefore, breakerAfter, budgetLeft } = call;
  const times = { fault: call.inFault, queue: call.inQueue, attempts: call.inAttempts, backoff: call.inBackoff };
  const spent = Object.entries(times).filter(([, time]) => time && durationMs(time) > 0);
  return [
    `${service} → ${method}: ${codeName(code)} after ${ms(call.duration)}${call.deadline ? ` of ${ms(call.deadline)}` : ""}, by ${decidedBy}`,
    ...(message ? [`  ${message}`] : []),
    ...(route ? [`  ${route} → ${call.version || "any version"}`] : []),
    ...call.attempts.map(drawAttempt),
    ...(call.attempts.length > 0 && code !== 0 ? [`  no further attempt: ${stopped}`] : []),
    `  time: ${spent.map(([name, time]) => `${name} ${ms(time)}`).join(", ") || "none"}`,
    `  breaker ${breakerBefore || "off"}${breakerAfter === breakerBefore ? "" : ` → ${breakerAfter}`}${budgetLeft === undefined ? "" : `, ${budgetLeft.toFixed(1)} further attempts left`}`,
  ].join("\n");
}

function drawAttempt({ number, kind, address, code, message, lost, ejected, ...times }: AttemptExplanation) {
  const end = lost ? "cancelled, another was faster" : `${codeName(code)}${message ? `: ${message}` : ""}`;
  const opened = times.openedAfter ? ` (open after ${ms(times.openedAfter)})` : "";
  return `  ${number}. ${kind} at ${address}, +${ms(times.startedAfter)}, ${ms(times.duration)}${opened}: ${end}${ejected ? "; ejected" : ""}`;
}

function codeName(code: number): string {
  return code === 0 ? "OK" : (Code[code] ?? String(code));
}

function ms(duration: Duration | undefined): string {
  return `${duration ? Math.round(durationMs(duration) * 10) / 10 : 0} ms`;
}

function startOf({ startTime }: CallExplanation): number {
  return startTime ? timestampDate(startTime).getTime() : 0;
}

function print(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
