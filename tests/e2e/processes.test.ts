import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, freePort, type TestDatabases, type TestNats, testDatabases, testNats } from "#mesh/testing";
import { demoProduct, signIn } from "./customer.ts";
import { type Http, httpClient } from "./http.ts";
import { shopPorts } from "./ports.ts";

const programs = {
  identity: "services/platform/identity/main.ts",
  catalog: "services/shop/catalog/main.ts",
  inventory: "services/shop/inventory/main.ts",
  order: "services/shop/order/main.ts",
  payment: "services/shop/payment/main.ts",
  shipping: "services/shop/shipping/main.ts",
  dashboard: "services/shop/dashboard/main.ts",
  provider: "services/shop/payment-provider/main.ts",
  gateway: "gateway/main.ts",
} as const;

type Name = keyof typeof programs;

const running = new Map<Name, ChildProcess>();
let nats: TestNats;
let databases: TestDatabases;
let dataFolder: string;
let environment: NodeJS.ProcessEnv;
let http: Http;
let metricsPort: number;

function start(name: Name): void {
  // One port is for one process.
  const env = name === "order" ? { ...environment, HEDDLE_METRICS_PORT: String(metricsPort) } : environment;
  const child = spawn(process.execPath, [programs[name]], {
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  running.set(name, child);
}

async function end(name: Name, signal: NodeJS.Signals): Promise<number | null> {
  const child = running.get(name);
  if (!child) throw new Error(`${name} does not run`);
  running.delete(name);
  child.kill(signal);
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return child.exitCode;
}

async function ready(): Promise<void> {
  await eventually(async () => expect(await http("GET /readyz")).toMatchObject({ status: 200 }), { timeoutMs: 40_000 });
}

beforeAll(async () => {
  [nats, databases] = [await testNats(), testDatabases()];
  dataFolder = await mkdtemp(join(tmpdir(), "heddle-processes-"));
  const ports = await shopPorts();
  metricsPort = await freePort();
  const at = (port: string) => `127.0.0.1:${port}`;
  environment = {
    ...process.env,
    ...ports,
    POSTGRES_URL: databases.postgresUrl,
    HEDDLE_DATABASE_PREFIX: databases.prefix,
    HEDDLE_POOL_SIZE: "6",
    NATS_URL: nats.url,
    HEDDLE_DATA: dataFolder,
    HEDDLE_MESH_SECRET: "a secret that only these processes know",
    HEDDLE_ADMIN_PASSWORD: "heddle-admin",
    HEDDLE_DEMO_DATA: "true",
    HEDDLE_IDENTITY_ADDRESS: at(ports.PLATFORM_IDENTITY_PORT),
    PLATFORM_IDENTITY_ADDRESS: at(ports.PLATFORM_IDENTITY_PORT),
    SHOP_CATALOG_ADDRESS: at(ports.SHOP_CATALOG_PORT),
    SHOP_INVENTORY_ADDRESS: at(ports.SHOP_INVENTORY_PORT),
    SHOP_ORDER_ADDRESS: at(ports.SHOP_ORDER_PORT),
    SHOP_PAYMENT_ADDRESS: at(ports.SHOP_PAYMENT_PORT),
    SHOP_SHIPPING_ADDRESS: at(ports.SHOP_SHIPPING_PORT),
    SHOP_DASHBOARD_ADDRESS: at(ports.SHOP_DASHBOARD_PORT),
    PAYMENT_PROVIDER_URL: `http://${at(ports.PAYMENT_PROVIDER_PORT)}`,
    LOG_LEVEL: "fatal",
  };
  http = httpClient(`http://${at(ports.GATEWAY_PORT)}`);
  // In any order: whoever needs another one waits for it.
  for (const name of Object.keys(programs) as Name[]) start(name);
  await ready();
});

afterAll(async () => {
  await Promise.all([...running.keys()].map((name) => end(name, "SIGTERM")));
  await databases?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
  if (dataFolder) await rm(dataFolder, { recursive: true });
});

it("confirms an order with every service in a process of its own", async () => {
  const ada = await signIn(http, "ada@heddle.local", "heddle-demo");
  const placed = await ada.order([{ productId: demoProduct(1), quantity: 1 }]);
  expect(await ada.settled(placed.body.id)).toMatchObject({ status: "ORDER_STATUS_CONFIRMED" });
  await ada.payment(placed.body.id, "PAYMENT_STATUS_CAPTURED");
  await ada.shipment(placed.body.id, "SHIPMENT_STATUS_CREATED");
});

it("tells what it has served and whom it has called", async () => {
  const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  const text = await response.text();
  const placed = 'grpc_server_handled_total{grpc_type="unary",grpc_service="shop.order.v1.OrderService",';
  expect(text).toContain(`${placed}grpc_method="PlaceOrder",grpc_code="OK"} 1\n`);
  expect(text).toMatch(
    /grpc_client_call_duration_seconds_count\{.*grpc_target="shop.catalog",grpc_status="OK"\} [1-9]/,
  );
  expect(text).toContain('heddle_client_breaker_state{caller="shop.order",grpc_target="shop.catalog"} 0\n');
});

it("takes orders while everyone behind is gone, and confirms and sends them when they are back", async () => {
  const ada = await signIn(http, "ada@heddle.local", "heddle-demo");
  await Promise.all([end("inventory", "SIGKILL"), end("payment", "SIGKILL"), end("shipping", "SIGKILL")]);
  const placed = await ada.order([{ productId: demoProduct(2), quantity: 1 }]);
  expect(placed).toMatchObject({ status: 200, body: { status: "ORDER_STATUS_PENDING" } });
  const payment = await http(`GET /v1/orders/${placed.body.id}/payment`, { token: ada.token });
  expect(payment).toMatchObject({ status: 503, body: { code: 14 } });
  const shipment = await http(`GET /v1/orders/${placed.body.id}/shipment`, { token: ada.token });
  expect(shipment).toMatchObject({ status: 503, body: { code: 14 } });
  expect(await http("GET /readyz")).toMatchObject({ status: 503 });
  start("payment");
  start("inventory");
  start("shipping");
  await ready();
  expect(await ada.settled(placed.body.id)).toMatchObject({ status: "ORDER_STATUS_CONFIRMED" });
  await ada.shipment(placed.body.id, "SHIPMENT_STATUS_CREATED");
});

it("drains and ends with code 0 on SIGTERM", async () => {
  const names = Object.keys(programs) as Name[];
  const codes = await Promise.all(names.map(async (name) => [name, await end(name, "SIGTERM")]));
  expect(codes).toEqual(names.map((name) => [name, 0]));
});
