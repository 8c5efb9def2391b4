import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { call } from "../library.fixture.ts";
import { buildImage } from "./image.fixture.ts";
import { usersFiles } from "./users.fixture.ts";
import { startWorkers } from "./workers.fixture.ts";

const image = buildImage(usersFiles);

test("connections are spread over the workers, and metrics are told of all together", async () => {
  await using gateway = await startWorkers(image);
  for (let i = 0; i < 100; i++) expect((await call(gateway.url, "GET /v1/users/7")).status).toBe(200);
  await gateway.until("request", 100);
  const [one = [], other = []] = Map.groupBy(gateway.logged("request"), ({ worker }) => worker).values();
  // By chance: once in 10^7 a worker has less.
  expect(Math.min(one.length, other.length)).toBeGreaterThan(25);
  const { text } = await call(gateway.metricsUrl, "GET /metrics");
  expect(text).toContain("heddle_workers 2\n");
  const started =
    'grpc_client_attempt_started_total{grpc_method="acme.users.v1.Users/GetUser",grpc_target="acme.users"';
  for (const lines of [one, other]) {
    expect(text).toContain(`${started},worker="${lines[0]?.worker}"} ${lines.length}\n`);
  }
  expect(text.match(/# TYPE grpc_client_attempt_started_total/g)).toHaveLength(1);
});

test("a worker that is killed under load is replaced, and the others answer", async () => {
  await using gateway = await startWorkers(image);
  const load = startLoad(`${gateway.url}/v1/users/7`, 8);
  await load.until(50);
  const [victim] = gateway.pids().values();
  process.kill(victim ?? 0, "SIGKILL");
  await gateway.until("a worker was replaced", 1);
  await load.until(load.answered() + 50);
  const { statuses, broken } = await load.end();
  expect(statuses).toEqual([200]);
  // Nothing but what was under way in the worker itself, and what was being handed to it when it died.
  expect(broken).toBeLessThanOrEqual(16);
  expect(gateway.logged("a worker has died and is replaced")).toMatchObject([{ pid: victim, signal: "SIGKILL" }]);
  expect([...gateway.pids().keys()]).toEqual([1, 2, 3]);
  expect((await call(gateway.metricsUrl, "GET /metrics")).text).toContain("heddle_worker_deaths_total 1\n");
});

test("SIGHUP and a changed image reach every worker", async () => {
  await using gateway = await startWorkers(image);
  gateway.signal("SIGHUP");
  await gateway.until("serving other contracts", 2);
  const text = usersFiles["acme/users/v1/users.proto"].replaceAll("/v1/users/{id}", "/v2/users/{id}");
  gateway.files.write("image.binpb", buildImage({ ...usersFiles, "acme/users/v1/users.proto": text }));
  await gateway.until("serving other contracts", 4);
  const reloads = gateway.logged("serving other contracts").map(({ worker, why }) => `${worker} ${why}`);
  expect(reloads.sort()).toEqual(["1 SIGHUP", "1 a file has changed", "2 SIGHUP", "2 a file has changed"]);
  expect((await call(gateway.url, "GET /v2/users/7")).status).toBe(200);
});

test("SIGTERM lets requests end in every worker", async () => {
  const asked = { count: 0, all: Promise.withResolvers<void>() };
  const go = Promise.withResolvers<void>();
  await using gateway = await startWorkers(image, {
    async getUser(id) {
      if (++asked.count === 4) asked.all.resolve();
      await go.promise;
      return { id };
    },
  });
  const running = Array.from({ length: 4 }, () => call(gateway.url, "GET /v1/users/7"));
  await asked.all.promise;
  const idle = gateway.pids();
  gateway.signal("SIGTERM");
  await gateway.until("stopping", 3);
  go.resolve();
  for (const answer of await Promise.all(running)) expect([answer.status, answer.complete]).toEqual([200, true]);
  expect(await gateway.ended).toBe(0);
  for (const pid of idle.values()) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});

test("what keeps the first worker from starting stops all, and is said once", async () => {
  await using gateway = await startWorkers(Buffer.from("no image"));
  expect(await gateway.ended).toBe(1);
  expect(gateway.output().match(/it is no FileDescriptorSet/g)).toHaveLength(1);
  expect(gateway.output()).toContain("Worker 1 has ended (code 1) before it had started.");
  expect(gateway.output()).not.toContain("    at ");
});

test("a port that another has is not shared with him", async () => {
  await using gateway = await startWorkers(image);
  await using second = await startWorkers(image, { gatewayPort: Number(new URL(gateway.url).port) });
  expect(await second.ended).toBe(1);
  expect(second.output()).toMatch(/^Port \d+ on 127.0.0.1: .*EADDRINUSE/);
});

/** Sends requests one after the other on some connections each of its own, until it is told to end. */
function startLoad(url: string, lanes: number) {
  const agent = new Agent({ keepAlive: false });
  const statuses = new Map<number, number>();
  let broken = 0;
  let ending = false;
  const answered = () => [...statuses.values()].reduce((sum, count) => sum + count, 0);
  const running = Array.from({ length: lanes }, async () => {
    while (!ending) {
      try {
        const asked = request(url, { agent }).end();
        const [response] = (await once(asked, "response")) as [IncomingMessage];
        await response.toArray();
        statuses.set(response.statusCode ?? 0, (statuses.get(response.statusCode ?? 0) ?? 0) + 1);
      } catch {
        broken++;
      }
    }
  });
  return {
    answered,
    async until(count: number) {
      while (answered() < count) await sleep(10);
    },
    async end() {
      ending = true;
      await Promise.all(running);
      return { statuses: [...statuses.keys()], broken };
    },
  };
}
