// The service behind both gateways: bare grpc-js, so that the gateways are what is measured.
import { create, type DescMessage, fromBinary, type Message, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type handleUnaryCall, Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import { CreateSessionResponseSchema, IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { CatalogService, GetProductResponseSchema } from "#gen/shop/catalog/v1/catalog_service_pb.ts";

const time = timestampFromDate(new Date("2026-01-31T12:00:00Z"));
const session = create(CreateSessionResponseSchema, {
  accessToken: "token",
  refreshToken: "refresh",
  expireTime: time,
  user: {
    id: "0198c0de-0000-7000-8000-000000000002",
    email: "ada@heddle.local",
    displayName: "Ada",
    roles: ["customer"],
  },
});
const product = create(GetProductResponseSchema, {
  product: {
    id: "0198c0de-0000-7000-8000-000000000001",
    name: "A loom",
    description: "Eight shafts, ten treadles, made of beech.",
    category: "looms",
    price: { currencyCode: "EUR", units: 1290n },
    inStock: true,
    createTime: time,
    updateTime: time,
  },
});

const server = new Server();
server.addService(
  {
    createSession: definition(IdentityService.method.createSession),
    getProduct: definition(CatalogService.method.getProduct),
  },
  {
    createSession: always(session),
    getProduct: always(product),
  },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send?.(`127.0.0.1:${port}`);
});

function always<T extends Message>(answer: T): handleUnaryCall<unknown, T> {
  return (_, callback) => callback(null, answer);
}

function definition<I extends DescMessage, O extends DescMessage>(method: {
  readonly name: string;
  readonly parent: { readonly typeName: string };
  readonly input: I;
  readonly output: O;
}): ServiceDefinition[string] {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (message: MessageShape<O>) => Buffer.from(toBinary(method.output, message)),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}
