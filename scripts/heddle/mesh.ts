import type { DescService } from "@bufbuild/protobuf";
import { type CallOptions, type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { AdminService } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import { addressOf, readTrust, serverOf } from "#mesh/config";
import { openGuest } from "#mesh/identity";
import { type ClosableTransport, createMeshTransport } from "#mesh/rpc";
import { neighbours, shopServices, statelessServices } from "../neighbours.ts";
import { CommandFault } from "./command-fault.ts";
import { toGateway } from "./gateway.ts";
import { findReplicas } from "./replicas.ts";
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
  /** Its name, with the address behind it where several replicas were asked: "shop.order@10.0.0.7:50054". */
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
  /** Asks every service, one replica of each. One that is away keeps no answer of the others back. An answer NOT_FOUND is left out. */
  ask<T>(question: (admin: Admin) => Promise<T>): Promise<Answers<T>>;
  /** Asks a contract that every process serves: all replicas of all services, and the gateway; otherwise as ask() does. */
  askEverybody<S extends DescService, T>(service: S, question: Question<S, T>): Promise<Answers<T>>;
  /** Asks a contract to which every process has the same answer: the first that gives one. Throws when none does. */
  askAnybody<S extends DescService, T>(service: S, question: Question<S, T>): Promise<T>;
}

/** Asks one process by a contract. */
export type Question<S extends DescService, T> = (client: Client<S>, call: CallOptions) => Promise<T>;

/**
 * Signs in and finds all replicas of every service. Throws a CommandFault when the sign-in fails or the gateway cannot say
 * who has registered, and a StartError without the authority that services are verified with.
 */
export async function openMesh(environment: NodeJS.ProcessEnv = process.env): Promise<Mesh> {
  const env = { ...neighbours(environment), ...environment };
  const identity = openGuest(readTrust(env));
  const gateway = toGateway(env);
  const call = { headers: { authorization: `Bearer ${await readToken(env)}` } };
  const placeOf = (main: DescService) => ({ service: serverOf(main, env), address: addressOf(main, env) });
  const places = [...shopServices, ...statelessServices].map(placeOf);
  const stateless = statelessServices.map((main) => serverOf(main, env));
  const replicas = await findReplicas(places, { gateway, call });
  const opened: ClosableTransport[] = [];
  const open = (service: string, addresses: readonly string[]): Transport => {
    if (addresses.length === 0) return toNobody(service);
    const transport = createMeshTransport({ address: addresses.join(","), server: service, identity });
    opened.push(transport);
    return transport;
  };
  const services = [...replicas].map(([service, addresses]) => ({
    service,
    transport: open(service, addresses),
    call,
  }));
  const admins = services
    .filter(({ service }) => !stateless.includes(service))
    .map((service) => ({ ...service, client: createClient(AdminService, service.transport) }));
  const processes = [
    ...services.flatMap(({ service, transport }) => {
      const addresses = replicas.get(service) ?? [];
      if (addresses.length <= 1) return [{ service, transport }];
      return addresses.map((address) => ({ service: `${service}@${address}`, transport: open(service, [address]) }));
    }),
    { service: "gateway", transport: gateway },
  ];
  return {
    admins,
    admin: (service) => find(admins, service),
    ask: (question) => askAll(admins, question),
    askEverybody: (service, question) =>
      askAll(processes, ({ transport }) => question(createClient(service, transport), call)),
    askAnybody: (service, question) =>
      firstAnswer(processes, ({ transport }) => question(createClient(service, transport), call)),
    [Symbol.dispose]: () => {
      for (const transport of opened) transport.close();
    },
  };
}

/** Stands for a service of which nobody has registered. */
function toNobody(service: string): Transport {
  const refuse = () => Promise.reject(new ConnectError(`no instance of ${service} has registered`, Code.Unavailable));
  return { unary: refuse, stream: refuse };
}

function find(admins: readonly Admin[], service: string): Admin {
  const found = admins.find((admin) => admin.service === service);
  if (found) return found;
  throw new CommandFault(`no service is called "${service}": ${admins.map((admin) => admin.service).join(", ")}`);
}

async function firstAnswer<P, T>(processes: readonly P[], question: (process: P) => Promise<T>): Promise<T> {
  let last: unknown;
  for (const process of processes) {
    try {
      return await question(process);
    } catch (error) {
      last = error;
      if (ConnectError.from(error).code !== Code.Unavailable) throw error;
    }
  }
  throw last;
}

async function askAll<P extends { readonly service: string }, T>(
  admins: readonly P[],
  question: (admin: P) => Promise<T>,
): Promise<Answers<T>> {
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
