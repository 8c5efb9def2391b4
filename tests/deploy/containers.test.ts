import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv, promisify } from "node:util";
import { expect, test } from "vitest";
import { callSettings, freePort, type RunningProcess, startProcess } from "#mesh/testing";
import { fillSecrets } from "../../scripts/fill-secrets.ts";
import { demoProduct, signIn } from "../e2e/customer.ts";
import { httpClient } from "../e2e/http.ts";
import { type ComposeService, interpolate, ownServices, portOf } from "./compose.ts";
import { composeServers } from "./compose-servers.ts";
import { imageFolder } from "./image-folder.ts";

const exec = promisify(execFile);

const example = readFileSync(".env.example", "utf8");
const variables: Record<string, string> = { ...parseEnv(fillSecrets(example)), LOG_LEVEL: "warn" };

/** Names of containers become places on this machine, each with a free port. */
async function places(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [name, service] of ownServices()) found.set(`${name}:${portOf(service)}`, `127.0.0.1:${await freePort()}`);
  return found;
}

function portVariable(name: string): string {
  return `${name.replace("shop-payment-provider", "payment-provider").replaceAll("-", "_").toUpperCase()}_PORT`;
}

test("what compose.yaml starts works outside of containers, with its commands, environment and healthchecks", async () => {
  await using servers = await composeServers(variables);
  using image = imageFolder();
  const moved = await places();
  const move = (text: string) =>
    [...moved].reduce((moving, [from, to]) => moving.replace(from, to), servers.move(text));
  const placeOf = (name: string, service: ComposeService) => moved.get(`${name}:${portOf(service)}`) ?? "";

  const start = (name: string, service: ComposeService): Promise<RunningProcess> => {
    const entries = Object.entries(service.environment ?? {});
    const given = entries.map(([key, value]) => [key, move(interpolate(String(value), variables))]);
    const place = placeOf(name, service);
    const env = {
      PATH: process.env.PATH,
      ...Object.fromEntries(given),
      HEDDLE_HOST: "127.0.0.1",
      HEDDLE_DATA: join(image.path, "data"),
      HEDDLE_POOL_SIZE: "5",
      ...callSettings(),
      [portVariable(name)]: place.split(":")[1],
    };
    const [, , ...check] = service.healthcheck?.test ?? [];
    const checkArgs = check.map((word) => word.replace(`127.0.0.1:${portOf(service)}`, place));
    const ready = async () => void (await exec(process.execPath, checkArgs, { cwd: image.path, env }));
    return startProcess({ args: service.command, env, cwd: image.path, ready, timeoutMs: 120_000 });
  };

  await using running = new AsyncDisposableStack();
  const own = ownServices();
  const starts = own.map(async ([name, service]) => running.use(await start(name, service)));
  // All of them, so that nothing is left running when one fails.
  await Promise.allSettled(starts);
  const processes = await Promise.all(starts);
  const gateway = own.find(([name]) => name === "gateway");
  const http = httpClient(`http://${gateway ? placeOf(...gateway) : ""}`);
  const customer = await signIn(http, "ada@heddle.local", "heddle-demo");
  const { body: order } = await customer.order([{ productId: demoProduct(1), quantity: 1 }]);
  // Through every database and every stream.
  expect(await customer.settled(order.id)).toMatchObject({ status: "ORDER_STATUS_CONFIRMED" });
  expect(await Promise.all(processes.map((each) => each.stop()))).toEqual(own.map(() => 0));
}, 300_000);
