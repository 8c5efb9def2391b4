import { type CallOptions, type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { AdminService } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import { addressOf } from "#mesh/config";
import { packageName } from "#mesh/contract";
import { createMeshTransport } from "#mesh/rpc";
import { neighbours, shopServices } from "../neighbours.ts";
import { CommandFault } from "./command-fault.ts";
import { readToken } from "./token.ts";

/** AdminService of one service. */
export interface Admin {
  /** Such as "shop.order". */
  readonly service: string;
  readonly client: Client<typeof AdminService>;
  /** For its other services. */
  readonly transport: Transport;
  /** Goes with every call: signs it. */
  readonly call: CallOptions;
}

/** What a service answered. */
export interface Answer<T> {
  readonly service: string;
  readonly value: T;
}

/** A service that gave no answer. */
export interface Absence {
  readonly service: string;
  readonly error: string;
}

/** What all services answered, as far as they did. */
export interface Answers<T> {
  readonly answers: readonly Answer<T>[];
  readonly away: readonly Absence[];
}

/** All services of the shop, for an admin. */
export interface Mesh extends Disposable {
  readonly admins: readonly Admin[];
  /** AdminService of one service. Throws a CommandFault for a name that none has. */
  admin(service: string): Admin;
  /** Asks every service. One that is away keeps no answer of the others back. An answer NOT_FOUND is left out. */
  ask<T>(question: (admin: Admin) => Promise<T>): Promise<Answers<T>>;
}

/** Signs in and knows every service. Throws a CommandFault when the sign-in fails. */
export async function openMesh(environment: NodeJS.ProcessEnv = process.env): Promise<Mesh> {
  const env = { ...neighbours(environment), ...environment };
  const transports = new Map(
    shopServices.map((service) => {
      const name = packageName(service.file)?.service ?? service.typeName;
      return [name, createMeshTransport({ address: addressOf(service, env) })] as const;
    }),
  );
  const close = () => {
    for (const transport of transports.values()) transport.close();
  };
  try {
    const call = { headers: { authorization: `Bearer ${await readToken(env)}` } };
    const admins = [...transports].map(([service, transport]) => ({
      ...{ service, transport, call },
      client: createClient(AdminService, transport),
    }));
    const admin = (service: string) => find(admins, service);
    return { admins, admin, ask: (question) => askAll(admins, question), [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

function find(admins: readonly Admin[], service: string): Admin {
  const found = admins.find((admin) => admin.service === service);
  if (found) return found;
  throw new CommandFault(`no service is called "${service}": ${admins.map((admin) => admin.service).join(", ")}`);
}

async function askAll<T>(admins: readonly Admin[], question: (admin: Admin) => Promise<T>): Promise<Answers<T>> {
  const answers: Answer<T>[] = [];
  const away: Absence[] = [];
  const results = await Promise.allSettled(admins.map((admin) => question(admin)));
  results.forEach((result, i) => {
    const service = admins[i]?.service ?? "";
    if (result.status === "fulfilled") answers.push({ service, value: result.value });
    else if (ConnectError.from(result.reason).code !== Code.NotFound) {
      away.push({ service, error: ConnectError.from(result.reason).message });
    }
  });
  return { answers, away };
}
