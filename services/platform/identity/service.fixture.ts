import { type DescService, fromBinary, type Message } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { asc } from "drizzle-orm";
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { file_platform_identity_v1_identity_events } from "#gen/platform/identity/v1/identity_events_pb.ts";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { readServiceConfig } from "#mesh/config";
import { outbox } from "#mesh/events";
import { createMeshTransport } from "#mesh/rpc";
import { callSettings, testDatabases } from "#mesh/testing";
import { identityService } from "./service.ts";
import { type IdentitySettings, readIdentitySettings } from "./settings.ts";

/** A running identity service of a test's own, with a real database and no broker. Use with `await using`. */
export interface TestService extends AsyncDisposable {
  /** Calls the service over gRPC, as nobody or with an access token. */
  client<S extends DescService>(service: S, accessToken?: string): Client<S>;
  /** The service's own database. */
  readonly orm: PostgresJsDatabase;
  /** What the service has announced so far. */
  announced(): Promise<Message[]>;
  /** Starts the service once more beside the first: another replica, or the next run. */
  replica(settings?: Partial<IdentitySettings>): Promise<void>;
}

/** Starts the service. */
export async function testService(settings: Partial<IdentitySettings> = {}): Promise<TestService> {
  const stack = new AsyncDisposableStack();
  const databases = stack.use(testDatabases());
  const config = readServiceConfig(IdentityService, {
    PLATFORM_IDENTITY_PORT: "0",
    POSTGRES_URL: databases.postgresUrl,
    HEDDLE_DATABASE_PREFIX: databases.prefix,
    HEDDLE_TLS: "off",
    HEDDLE_MESH_SECRET: "a secret of at least thirty-two characters",
    // Nobody listens there: calls are served without a broker, and events stay in the outbox.
    NATS_URL: "nats://127.0.0.1:1",
    LOG_LEVEL: "silent",
    ...callSettings(),
  });

  async function start(own: Partial<IdentitySettings>) {
    const service = identityService(config, { ...readIdentitySettings({}), ...own });
    stack.defer(() => service.stop());
    await service.start();
    return service;
  }

  const { address } = await start(settings);
  const transport = createMeshTransport({ address, forwardUser: false });
  stack.defer(() => transport.close());
  const databaseUrl = new URL(databases.postgresUrl);
  databaseUrl.pathname = `/${databases.prefix}platform_identity`;
  const sql = postgres(databaseUrl.href, { max: 1 });
  stack.defer(() => sql.end());
  const orm = drizzle(sql);

  return {
    client: (service, accessToken) => createClient(service, signedIn(transport, accessToken)),
    orm,
    async announced() {
      const rows = await orm.select().from(outbox).orderBy(asc(outbox.id));
      return rows.map((row) => readEvent(row.type, row.payload));
    },
    replica: async (own = settings) => void (await start(own)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

type Transport = ReturnType<typeof createMeshTransport>;

function signedIn(transport: Transport, accessToken: string | undefined): Pick<Transport, "unary" | "stream"> {
  const withToken = (header: ConstructorParameters<typeof Headers>[0]) => {
    const headers = new Headers(header);
    if (accessToken !== undefined) {
      headers.set("authorization", `Bearer ${accessToken}`);
    }
    return headers;
  };
  return {
    // biome-ignore lint/complexity/useMaxParams: the shape of Connect's Transport
    unary: (method, signal, timeoutMs, header, ...rest) =>
      transport.unary(method, signal, timeoutMs, withToken(header), ...rest),
    // biome-ignore lint/complexity/useMaxParams: the shape of Connect's Transport
    stream: (method, signal, timeoutMs, header, ...rest) =>
      transport.stream(method, signal, timeoutMs, withToken(header), ...rest),
  };
}

function readEvent(type: string, payload: Uint8Array): Message {
  const schema = file_platform_identity_v1_identity_events.messages.find(({ typeName }) => typeName === type);
  if (schema === undefined) {
    throw new TypeError(`the outbox holds ${type}, which the identity service does not declare`);
  }
  return fromBinary(schema, payload);
}
