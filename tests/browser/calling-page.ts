// What a page does with connect-web. It runs in a browser, and its functions take and return JSON.
import {
  createFileRegistry,
  enumToJson,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  toJson,
} from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type CallOptions, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { OrderService, OrderStatusSchema, PlaceOrderRequestSchema } from "#gen/shop/order/v1/order_service_pb.ts";

/** How the gateway is called: the first of connect-web's transports with JSON and with binary, and the second. */
export type Protocol = "Connect" | "Connect with binary" | "gRPC-Web";

/** Where a gateway is, and how it is called. */
export interface Target {
  readonly url: string;
  readonly protocol: Protocol;
}

/** An error as a page sees it. */
export interface SeenError {
  readonly code: string;
  readonly message: string;
  readonly reasons: readonly string[];
}

/** Signs in, places an order and watches it; returns the statuses that it has had. */
export async function buy(target: Target, account: { email: string; password: string }, order: JsonValue) {
  const transport = transportTo(target);
  const session = await createClient(IdentityService, transport).createSession(account);
  const headers = { authorization: `Bearer ${session.accessToken}` };
  const orders = createClient(OrderService, transport);
  const placed = await orders.placeOrder(fromJson(PlaceOrderRequestSchema, order), { headers });
  const statuses: unknown[] = [];
  for await (const { order } of orders.watchOrder({ id: placed.order?.id ?? "" }, { headers })) {
    if (order) statuses.push(enumToJson(OrderStatusSchema, order.status));
  }
  return statuses;
}

/** Lists products; returns how many, and the id that the gateway has given to the request. */
export async function listProducts(target: Target, pageSize: number) {
  let requestId: string | null = null;
  const onHeader: CallOptions["onHeader"] = (header) => {
    requestId = header.get("x-request-id");
  };
  const { products } = await createClient(CatalogService, transportTo(target)).listProducts({ pageSize }, { onHeader });
  return { count: products.length, requestId };
}

/** Asks for a product that is not there. */
export async function missProduct(target: Target, id: string): Promise<SeenError> {
  const asked = createClient(CatalogService, transportTo(target)).getProduct({ id });
  return seen(await asked.then(() => undefined, ConnectError.from));
}

/** Reads a stream of a contract that only its descriptors tell, and gives it up after the first message. */
export async function cancelAfterOne(target: Target, image: string, method: string) {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, base64Decode(image)));
  const [typeName = "", name = ""] = method.split("/");
  const service = registry.getService(typeName);
  const desc = service?.method[name];
  if (!service || !desc) throw new Error(`no method ${method}`);
  const client = createClient(service, transportTo(target)) as unknown as Record<
    string,
    (request: object, options: CallOptions) => AsyncIterable<never>
  >;
  const given = new AbortController();
  const messages: JsonObject[] = [];
  try {
    for await (const message of client[name]?.({ id: "7" }, { signal: given.signal }) ?? []) {
      messages.push(toJson(desc.output, message) as JsonObject);
      given.abort();
    }
    return { messages };
  } catch (error) {
    return { messages, error: seen(ConnectError.from(error)) };
  }
}

function transportTo({ url: baseUrl, protocol }: Target): Transport {
  if (protocol === "gRPC-Web") return createGrpcWebTransport({ baseUrl });
  return createConnectTransport({ baseUrl, useBinaryFormat: protocol !== "Connect", useHttpGet: true });
}

function seen(error: ConnectError | undefined): SeenError {
  const reasons = error?.findDetails(ErrorInfoSchema).map(({ reason }) => reason) ?? [];
  return { code: error ? Code[error.code] : "OK", message: error?.rawMessage ?? "", reasons };
}
