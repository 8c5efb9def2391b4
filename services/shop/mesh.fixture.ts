import { randomUUID } from "node:crypto";
import type { MessageShape } from "@bufbuild/protobuf";
import { create, type DescMessage, type DescService, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions, type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { desc, eq } from "drizzle-orm";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { readServiceConfig, type ServiceConfig, variablePrefix } from "#mesh/config";
import { type ContractSources, eventContract, readContract } from "#mesh/contract";
import { createDatabase, type Database, meshMigrations } from "#mesh/db";
import { createEvents, inbox, outbox } from "#mesh/events";
import { accessTokenVerifier, type KeySource, secretIdentity } from "#mesh/identity";
import type { Part } from "#mesh/process";
import { createMeshTransport, createRpcServer, implement, type RpcHandlers, type RpcService } from "#mesh/rpc";
import { participant } from "#mesh/saga";
import { callSettings, silentLogger, testDatabases, testNats } from "#mesh/testing";

const meshSecret = "a secret that only the tests of the shop share";
const host = "127.0.0.1";

/** Somebody who calls. */
export interface TestUser {
  readonly id: string;
  readonly roles?: readonly string[];
}

/** A service that another one knows by its contract, played by the test on the real database, broker and sockets. */
export interface TestMesh extends AsyncDisposable {
  readonly postgresUrl: string;
  readonly databasePrefix: string;
  /** Configuration of a service under test: free port, the test's servers, the addresses of the neighbours so far. */
  config(service: DescService): ServiceConfig;
  /** Starts a part and stops it in the end. */
  start<P extends Part>(part: P): Promise<P>;
  /** Serves a neighbour's contract. */
  serve(sources: ContractSources, handlers: RpcService): Promise<void>;
  /** Lets a neighbour announce an event through an outbox of its own. */
  announcer(sources: ContractSources): Promise<Announce>;
  client<S extends DescService>(service: S, address: string): Promise<Client<S>>;
  /** Options of a call that sign it. */
  as(user: TestUser): Promise<CallOptions>;
  /** Looks into the database of a service, such as "shop.order". */
  inside(service: string): Promise<Inside>;
}

/** Announces one event and returns its id. */
export type Announce = <D extends DescMessage>(schema: D, init: MessageInitShape<D>) => Promise<string>;

/** What a service has stored. */
export interface Inside {
  readonly database: Database;
  /** Events of one kind that the service has announced, in order. */
  announced<D extends DescMessage>(schema: D): Promise<MessageShape<D>[]>;
  /** Whether the service has taken an event in. */
  received(eventId: string): Promise<boolean>;
  /** State of the service's part in the saga of a key; "NONE" where it has none. */
  state(key: string): Promise<string>;
}

/** A user with an id of its own. */
export function someUser(...roles: string[]): TestUser {
  return { id: randomUUID(), roles };
}

/** Fails like a method that a test does not expect to be called. */
export async function unexpected(): Promise<never> {
  throw new ConnectError("this test expects no such call", Code.Unimplemented);
}

/** Starts a broker and a publisher of token keys. Use with `await using`, or dispose in afterAll. */
export async function testMesh(): Promise<TestMesh> {
  const nats = await testNats();
  const databases = testDatabases();
  const { postgresUrl, prefix: databasePrefix } = databases;
  const tokens = await tokenIssuer();
  const parts: Part[] = [];
  const env: NodeJS.ProcessEnv = {
    POSTGRES_URL: postgresUrl,
    HEDDLE_DATABASE_PREFIX: databasePrefix,
    HEDDLE_POOL_SIZE: "8",
    NATS_URL: nats.url,
    HEDDLE_TLS: "off",
    HEDDLE_MESH_SECRET: meshSecret,
    LOG_LEVEL: "silent",
    ...callSettings(),
  };

  async function start<P extends Part>(part: P): Promise<P> {
    await part.start();
    parts.push(part);
    return part;
  }

  async function openDatabase(name: string, migrations: readonly string[]): Promise<Database> {
    const log = silentLogger();
    return start(createDatabase({ postgresUrl, name: databasePrefix + name, migrations, poolSize: 2, log }));
  }

  const mesh: TestMesh = {
    postgresUrl,
    databasePrefix,
    start,
    config: (service) => readServiceConfig(service, { ...env, [`${variablePrefix(service)}_PORT`]: "0" }),

    async serve(sources, handlers) {
      const contract = readContract(sources);
      const identity = secretIdentity(contract.name, meshSecret);
      const verifier = accessTokenVerifier(tokens.keys);
      const common = { host, port: 0, log: silentLogger(), identity, tokens: verifier };
      const server = await start(createRpcServer({ ...common, contract, services: [handlers] }));
      env[`${variablePrefix(handlers.service)}_ADDRESS`] = server.address;
    },

    async announcer(sources) {
      const contract = readContract(sources);
      const database = await openDatabase(`neighbour_${contract.name.replaceAll(".", "_")}`, [meshMigrations]);
      const events = await start(createEvents({ contract, database, natsUrl: nats.url, log: silentLogger() }));
      return async (schema, init) => {
        const event = eventContract(schema);
        if (!event) throw new Error(`${schema.typeName} is no event`);
        const message = create(schema, init);
        return database.transaction(async (tx) => {
          await events.outbox.append(tx, [{ event, message }]);
          const [row] = await tx.select().from(outbox).orderBy(desc(outbox.id)).limit(1);
          return row?.eventId ?? "";
        });
      };
    },

    async client(service, address) {
      const transport = createMeshTransport({ address });
      await start({ name: "transport", start: async () => {}, stop: async () => transport.close() });
      return createClient(service, transport);
    },

    as: async (user) => ({ headers: { authorization: await tokens.issue(user) } }),

    async inside(service) {
      const database = await openDatabase(service.replaceAll(".", "_"), []);
      return inside(database);
    },

    async [Symbol.asyncDispose]() {
      for (const part of parts.reverse()) await part.stop();
      await nats[Symbol.asyncDispose]();
      await databases[Symbol.asyncDispose]();
    },
  };
  await mesh.serve({ services: [JsonWebKeyService] }, implement(JsonWebKeyService, tokens.handlers));
  return mesh;
}

function inside(database: Database): Inside {
  return {
    database,
    async announced(schema) {
      const rows = await database.orm.select().from(outbox).orderBy(outbox.id);
      return rows.filter(({ type }) => type === schema.typeName).map(({ payload }) => fromBinary(schema, payload));
    },
    async received(eventId) {
      const rows = await database.orm.select().from(inbox).where(eq(inbox.eventId, eventId));
      return rows.some((row) => row.status === "done");
    },
    async state(key) {
      const rows = await database.orm.select().from(participant);
      return rows.find((row) => row.key === key)?.state ?? "NONE";
    },
  };
}

interface TokenIssuer {
  readonly keys: KeySource;
  readonly handlers: RpcHandlers<typeof JsonWebKeyService>;
  issue(user: TestUser): Promise<string>;
}

async function tokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const { kty, crv, x } = await exportJWK(publicKey);
  const key = { kty: kty ?? "OKP", crv: crv ?? "", x: x ?? "", kid: "test", alg: "EdDSA", use: "sig" };
  return {
    keys: { keys: async () => ({ keys: [key] }) },
    handlers: { listJsonWebKeys: async () => ({ keys: [key] }) },
    async issue({ id, roles = [] }) {
      const token = new SignJWT({ roles: [...roles] }).setProtectedHeader({ alg: "EdDSA", kid: "test" });
      const claims = token.setSubject(id).setIssuer("heddle").setAudience("heddle").setIssuedAt();
      return `Bearer ${await claims.setExpirationTime("15m").sign(privateKey)}`;
    },
  };
}
