import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callSettings, testDatabases, testNats } from "#mesh/testing";
import { shop } from "../../scripts/shop.ts";
import { type Http, httpClient } from "./http.ts";
import type { ProviderTotals } from "./invariants.ts";
import { shopPorts } from "./ports.ts";

/** A whole shop inside the test's own process, with databases and a broker of its own. */
export interface TestShop extends AsyncDisposable {
  /** Where the gateway listens. */
  readonly url: string;
  readonly http: Http;
  /** Folder with the authority that the services are verified with. */
  readonly dataFolder: string;
  /** What the shop was started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** host:port of a service such as "shop.catalog". */
  address(service: string): string;
  /** What the test payment provider knows. */
  provider(): Promise<ProviderTotals>;
}

/** Starts a shop with demo data; `variables` are added to its environment, `brokerOptions` are its broker's. */
export async function startShop(
  variables: Record<string, string> = {},
  brokerOptions: Parameters<typeof testNats>[0] = {},
): Promise<TestShop> {
  const nats = await testNats(brokerOptions);
  const databases = testDatabases();
  const ports = await shopPorts();
  const dataFolder = await mkdtemp(join(tmpdir(), "heddle-shop-"));
  const environment = {
    ...ports,
    POSTGRES_URL: databases.postgresUrl,
    HEDDLE_DATABASE_PREFIX: databases.prefix,
    HEDDLE_POOL_SIZE: "6",
    NATS_URL: nats.url,
    HEDDLE_DATA: dataFolder,
    HEDDLE_MESH_SECRET: "a secret that only this test's shop knows",
    HEDDLE_ADMIN_PASSWORD: "heddle-admin",
    HEDDLE_DEMO_DATA: "true",
    LOG_LEVEL: "error",
    ...callSettings(),
    // One customer orders for many.
    GATEWAY_RATE_LIMIT_FACTOR: "10",
    ...variables,
  };
  const started = shop(environment);
  await started.start();
  return {
    url: started.url,
    dataFolder,
    environment,
    http: httpClient(started.url),
    address: (service) => started.services.find(({ name }) => name === service)?.address ?? "",
    provider: async () => {
      const response = await fetch(`http://127.0.0.1:${ports.PAYMENT_PROVIDER_PORT}/v1/authorizations`);
      return (await response.json()) as ProviderTotals;
    },
    async [Symbol.asyncDispose]() {
      await started.stop();
      await databases[Symbol.asyncDispose]();
      await nats[Symbol.asyncDispose]();
      await rm(dataFolder, { recursive: true });
    },
  };
}
