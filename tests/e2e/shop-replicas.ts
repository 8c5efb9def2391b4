import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRegistry, type Registry, registryBucket } from "#mesh/discovery";
import { freePort } from "#mesh/local";
import { maintainConnection, openBucket } from "#mesh/nats";
import { group, type Part } from "#mesh/process";
import { type RunningProcess, silentLogger, startProcess, testDatabases, testNats } from "#mesh/testing";
import type { ProviderTotals } from "./invariants.ts";

/** A process of the shop that can be ended and started again at the same port. */
export interface ShopProcess {
  /** Such as "shop.order"; replicas share it. */
  readonly name: string;
  /** http://host:port of a gateway, host:port of a service. */
  readonly address: string;
  start(): Promise<void>;
  /** SIGTERM; returns the exit code. */
  stop(): Promise<number | null>;
  /** What it has written since its last start. */
  output(): string;
}

/** The shop in processes of its own, with several replicas of each, found through the registry. */
export interface ShopReplicas extends AsyncDisposable {
  readonly services: readonly ShopProcess[];
  readonly gateways: readonly ShopProcess[];
  /** What the test payment provider knows. */
  provider(): Promise<ProviderTotals>;
}

const services = {
  "platform.identity": "services/platform/identity/main.ts",
  "shop.catalog": "services/shop/catalog/main.ts",
  "shop.inventory": "services/shop/inventory/main.ts",
  "shop.order": "services/shop/order/main.ts",
  "shop.payment": "services/shop/payment/main.ts",
  "shop.shipping": "services/shop/shipping/main.ts",
  "shop.dashboard": "services/shop/dashboard/main.ts",
} as const;

/** Starts so many of each service and of the gateway, and one payment provider. Use with `await using`. */
export async function startShopReplicas(copies: number): Promise<ShopReplicas> {
  const nats = await testNats();
  const databases = testDatabases();
  const folder = await mkdtemp(join(tmpdir(), "heddle-replicas-"));
  const providerPort = await freePort();
  const env = {
    ...process.env,
    // Load is more than a person makes.
    GATEWAY_RATE_LIMIT_FACTOR: "0",
    POSTGRES_URL: databases.postgresUrl,
    HEDDLE_DATABASE_PREFIX: databases.prefix,
    HEDDLE_POOL_SIZE: "4",
    NATS_URL: nats.url,
    HEDDLE_DATA: folder,
    HEDDLE_MESH_SECRET: "a secret that only these processes know",
    HEDDLE_ADMIN_PASSWORD: "heddle-admin",
    HEDDLE_DEMO_DATA: "true",
    HEDDLE_IDENTITY_ADDRESS: "mesh:///platform.identity",
    ...Object.fromEntries(Object.keys(services).map((name) => [`${prefixOf(name)}_ADDRESS`, `mesh:///${name}`])),
    PAYMENT_PROVIDER_PORT: String(providerPort),
    PAYMENT_PROVIDER_URL: `http://127.0.0.1:${providerPort}`,
    GATEWAY_DRAIN_DELAY: "3s",
    LOG_LEVEL: "warn",
  };
  const view = registryView(nats.url);
  await view.start();
  const provider = await startProcess({
    ...{ args: ["services/shop/payment-provider/main.ts"], env, timeoutMs: 120_000 },
    ready: async () => void (await fetch(`http://127.0.0.1:${providerPort}/v1/authorizations`)),
  });
  const each = Array.from({ length: copies });
  const all = await Promise.all(
    Object.entries(services).flatMap(([name, main]) =>
      each.map(() => serviceProcess({ name, main, env, registry: view.registry })),
    ),
  );
  const gateways = await Promise.all(each.map(() => gatewayProcess(env)));
  const dispose = async () => {
    await Promise.all([...gateways, ...all].map((one) => one.stop()));
    await provider.stop();
    await view.stop();
    await databases[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  };
  try {
    // The first of each makes its database; the others find it.
    for (const some of [all.filter((_, at) => at % copies === 0), all.filter((_, at) => at % copies !== 0), gateways]) {
      await Promise.all(some.map((one) => one.start()));
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    services: all,
    gateways,
    provider: async () => {
      const response = await fetch(`http://127.0.0.1:${providerPort}/v1/authorizations`);
      return (await response.json()) as ProviderTotals;
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** The registry as everybody sees it. */
function registryView(natsUrl: string): Part & { readonly registry: Registry } {
  const log = silentLogger();
  const connection = maintainConnection({ url: natsUrl, name: "test", log });
  const connected = { name: "broker", start: () => connection.start(), stop: () => connection.stop() };
  const registry = createRegistry(openBucket(connection, registryBucket(1), log), log);
  return { ...group("view", [connected, registry]), registry };
}

interface ServiceOptions {
  readonly name: string;
  readonly main: string;
  readonly env: NodeJS.ProcessEnv;
  readonly registry: Registry;
}

async function serviceProcess({ name, main, env, registry }: ServiceOptions): Promise<ShopProcess> {
  const port = String(await freePort());
  const address = `127.0.0.1:${port}`;
  const ids = () => registry.instances().flatMap(({ instance }) => (instance.address === address ? instance.id : []));
  return shopProcess({ name, address }, () => {
    const before = new Set(ids());
    const ready = async () => {
      if (ids().every((id) => before.has(id))) throw new Error(`${name} has not registered`);
    };
    return startProcess({ args: [main], env: { ...env, [`${prefixOf(name)}_PORT`]: port }, ready, timeoutMs: 120_000 });
  });
}

async function gatewayProcess(env: NodeJS.ProcessEnv): Promise<ShopProcess> {
  const port = String(await freePort());
  const address = `http://127.0.0.1:${port}`;
  const ready = async () => {
    const response = await fetch(`${address}/readyz`);
    if (response.status !== 200) throw new Error(`the gateway is not ready: ${await response.text()}`);
  };
  return shopProcess({ name: "gateway", address }, () =>
    startProcess({ args: ["gateway/main.ts"], env: { ...env, GATEWAY_PORT: port }, ready, timeoutMs: 120_000 }),
  );
}

function shopProcess(
  what: { readonly name: string; readonly address: string },
  begin: () => Promise<RunningProcess>,
): ShopProcess {
  let running: RunningProcess | undefined;
  return {
    ...what,
    async start() {
      running = await begin();
    },
    stop: async () => (running ? running.stop("SIGTERM") : null),
    output: () => running?.output() ?? "",
  };
}

/** "SHOP_ORDER" for "shop.order". */
function prefixOf(name: string): string {
  return name.replace(".", "_").toUpperCase();
}
