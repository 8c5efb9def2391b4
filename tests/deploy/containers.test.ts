import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { callSettings, freePort, type RunningProcess, startProcess, testDatabases, testNats } from "#mesh/testing";
import { type ComposeService, interpolate, ownServices, portOf } from "./compose.ts";
import { imageFolder } from "./image-folder.ts";

const exec = promisify(execFile);

const variables = {
  HEDDLE_MESH_SECRET: "a secret that only these processes know",
  HEDDLE_ADMIN_PASSWORD: "heddle-admin",
  POSTGRES_PASSWORD: "secret",
  LOG_LEVEL: "warn",
};

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
  await using databases = testDatabases();
  await using nats = await testNats();
  using image = imageFolder();
  const moved = await places();
  const move = (text: string) => [...moved].reduce((moving, [from, to]) => moving.replace(from, to), text);
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
      POSTGRES_URL: databases.postgresUrl,
      HEDDLE_DATABASE_PREFIX: databases.prefix,
      HEDDLE_POOL_SIZE: "5",
      NATS_URL: nats.url,
      ...callSettings(),
      [portVariable(name)]: place.split(":")[1],
    };
    const [, , ...check] = service.healthcheck?.test ?? [];
    const checkArgs = check.map((word) => word.replace(`127.0.0.1:${portOf(service)}`, place));
    const ready = async () => void (await exec(process.execPath, checkArgs, { cwd: image.path, env }));
    return startProcess({ args: service.command, env, cwd: image.path, ready, timeoutMs: 60_000 });
  };

  await using running = new AsyncDisposableStack();
  const own = ownServices();
  const starts = own.map(async ([name, service]) => running.use(await start(name, service)));
  // All of them, so that nothing is left running when one fails.
  await Promise.allSettled(starts);
  const processes = await Promise.all(starts);
  const gateway = own.find(([name]) => name === "gateway");
  const url = gateway && `http://${placeOf(...gateway)}/v1/products?pageSize=1`;
  const answer = await fetch(url ?? "");
  expect(await answer.json()).toMatchObject({ products: [{ id: expect.any(String) }] });
  expect(await Promise.all(processes.map((each) => each.stop()))).toEqual(own.map(() => 0));
}, 120_000);
