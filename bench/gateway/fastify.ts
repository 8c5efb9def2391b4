// What a team would write without us: fastify, one handler for each route, a grpc-js client. It has no access log,
// request id, deadline by contract, tracing or binding rules, which would all cost it something.
import {
  create,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type MessageShape,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { fastify } from "fastify";
import {
  CreateSessionRequestSchema,
  CreateSessionResponseSchema,
} from "#gen/platform/identity/v1/identity_service_pb.ts";
import { GetProductRequestSchema, GetProductResponseSchema } from "#gen/shop/catalog/v1/catalog_service_pb.ts";

const client = new Client(process.argv[2] ?? "", credentials.createInsecure());
const app = fastify();
const printed = { alwaysEmitImplicit: true };

app.post("/v1/sessions", async (request) => {
  const message = fromJson(CreateSessionRequestSchema, request.body as JsonValue, { ignoreUnknownFields: true });
  const path = "/platform.identity.v1.IdentityService/CreateSession";
  const session = await call(path, { input: CreateSessionRequestSchema, output: CreateSessionResponseSchema }, message);
  return toJson(CreateSessionResponseSchema, session, printed);
});

app.get<{ Params: { id: string } }>("/v1/products/:id", async (request) => {
  const message = create(GetProductRequestSchema, { id: request.params.id });
  const path = "/shop.catalog.v1.CatalogService/GetProduct";
  const answer = await call(path, { input: GetProductRequestSchema, output: GetProductResponseSchema }, message);
  const json = toJson(GetProductResponseSchema, answer, printed);
  return json && typeof json === "object" && "product" in json ? json.product : null;
});

process.send?.(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);

function call<I extends DescMessage, O extends DescMessage>(
  path: string,
  { input, output }: { input: I; output: O },
  message: MessageShape<I>,
): Promise<MessageShape<O>> {
  const { promise, resolve, reject } = Promise.withResolvers<MessageShape<O>>();
  client.makeUnaryRequest(
    path,
    (request: MessageShape<I>) => Buffer.from(toBinary(input, request)),
    (bytes) => fromBinary(output, bytes),
    message,
    { deadline: Date.now() + 10_000 },
    (error: ServiceError | null, answer?: MessageShape<O>) => (answer ? resolve(answer) : reject(error)),
  );
  return promise;
}
