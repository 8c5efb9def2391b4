import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  loadPackageDefinition,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { usersFiles } from "./users.fixture.ts";

const google = dirname(createRequire(import.meta.url).resolve("google-proto-files/package.json"));

/** A user as proto-loader has it. */
export interface PlainUser {
  id?: string;
  name?: string;
  visits?: string;
}

/** What a test may replace. */
export interface UsersServerOptions {
  /** 0 takes a free one, the default. */
  readonly port?: number;
  readonly files?: Readonly<Record<string, string>>;
  readonly getUser?: (id: string, metadata: Metadata) => Promise<PlainUser>;
  /** Users of a stream, in its own time. */
  readonly watchUser?: (id: string) => AsyncIterable<PlainUser>;
  readonly reflection?: boolean;
  readonly credentials?: ServerCredentials;
}

/** Starts a server of plain grpc-js, proto-loader and @grpc/reflection: nothing of it is Heddle's. */
export async function startUsersServer(options: UsersServerOptions = {}) {
  const definition = loadContracts(options.files ?? usersFiles);
  const server = new Server();
  const users = Reflect.get(loadPackageDefinition(definition), "acme") as unknown as {
    users: { v1: { Users: ServiceClientConstructor } };
  };
  server.addService(users.users.v1.Users.service, handlers(options));
  if (options.reflection !== false) new ReflectionService(definition).addToServer(server);
  const credentials = options.credentials ?? ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, credentials, (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    address: `127.0.0.1:${port}`,
    port,
    [Symbol.dispose]: () => server.forceShutdown(),
  };
}

function handlers({ getUser = greet, watchUser = twice }: UsersServerOptions): UntypedServiceImplementation {
  const unary: handleUnaryCall<PlainUser, PlainUser> = (call, answer) =>
    void getUser(call.request.id ?? "", call.metadata).then((user) => answer(null, user), answer);
  const stream: handleServerStreamingCall<PlainUser, PlainUser> = async (call) => {
    for await (const user of watchUser(call.request.id ?? "")) {
      if (call.cancelled) return;
      call.write(user);
    }
    call.end();
  };
  const count: handleClientStreamingCall<PlainUser, PlainUser> = (call, answer) =>
    void Array.fromAsync<PlainUser>(call).then((all) => answer(null, { visits: String(all.length) }));
  const echo: handleUnaryCall<PlainUser, PlainUser> = (call, answer) => answer(null, call.request);
  const chat: handleBidiStreamingCall<PlainUser, PlainUser> = async (call) => {
    for await (const user of call) call.write(user);
    call.end();
  };
  return { getUser: unary, plain: unary, createUser: echo, watchUser: stream, countUsers: count, chat };
}

async function greet(id: string): Promise<PlainUser> {
  if (id === "missing") throw notFound(id);
  return { id, name: `user ${id}`, visits: "9007199254740993" };
}

async function* twice(id: string): AsyncIterable<PlainUser> {
  yield { id, name: "first" };
  yield { id, name: "second" };
}

/** google.rpc.Status with one google.rpc.ErrorInfo, as a server of any language sends it: code 5, its message, its detail. */
function notFound(id: string) {
  const info = field(1, Buffer.from("USER_GONE"));
  const any = Buffer.concat([field(1, Buffer.from("type.googleapis.com/google.rpc.ErrorInfo")), field(2, info)]);
  const details = Buffer.concat([Buffer.from([8, status.NOT_FOUND]), field(2, Buffer.from(`no ${id}`)), field(3, any)]);
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", details);
  return Object.assign(new Error(`no ${id}`), { code: status.NOT_FOUND, details: `no ${id}`, metadata });
}

function field(no: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(no << 3) | 2, bytes.length]), bytes]);
}

function loadContracts(files: Readonly<Record<string, string>>): PackageDefinition {
  const folder = mkdtempSync(join(tmpdir(), "users-server-"));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    return loadSync(Object.keys(files), { includeDirs: [folder, google], longs: String });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
