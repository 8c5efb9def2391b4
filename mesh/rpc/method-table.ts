import type { DescMessage, DescMethod } from "@bufbuild/protobuf";
import type { Contract } from "#mesh/contract";
import { StartError } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import type { RpcService } from "./handler.ts";
import type { ReadRequest } from "./read-request.ts";
import { pathOf, type ServedMethod } from "./served-method.ts";
import type { Step } from "./step.ts";

/** What methods get besides their handlers. */
export interface Surroundings {
  readonly log: Logger;
  /** What reads the requests of a method. Called once for each method, as is `wayOf`. */
  readerOf(input: DescMessage): ReadRequest;
  /** The way of a method's calls through the server. */
  wayOf(method: DescMethod): Step;
}

/**
 * Prepares the methods of a contract by path. Throws a StartError that lists every method without a handler, every
 * handler without a method, and every method without a policy.
 */
export function tableOfContract(
  contract: Contract,
  services: readonly RpcService[],
  surroundings: Surroundings,
): Map<string, ServedMethod> {
  const faults = [...missing(contract, services), ...superfluous(contract, services)];
  const table = new Map<string, ServedMethod>();
  for (const { service, handlers } of services) {
    for (const desc of service.methods) {
      const [handler, policy] = [handlers[desc.localName], contract.methods.get(desc)];
      const path = pathOf(desc);
      if (!policy) faults.push(`${path} has no policy: read the contract with ${service.typeName}`);
      else if (handler) table.set(path, servedMethod({ desc, policy, handler }, surroundings));
    }
  }
  if (faults.length > 0) throw new StartError(`${contract.name} cannot be served:\n- ${faults.join("\n- ")}`);
  return table;
}

/** Prepares the methods of services that everyone may call: health and reflection. */
export function tableOfOpenServices(
  services: readonly RpcService[],
  surroundings: Surroundings,
): Map<string, ServedMethod> {
  const methods = services.flatMap(({ service, handlers }) =>
    service.methods.flatMap((desc): ServedMethod[] => {
      const handler = handlers[desc.localName];
      return handler ? [servedMethod({ desc, policy: undefined, handler }, surroundings)] : [];
    }),
  );
  return new Map(methods.map((method) => [method.path, method]));
}

function servedMethod(
  method: Pick<ServedMethod, "desc" | "policy" | "handler">,
  { log, readerOf, wayOf }: Surroundings,
): ServedMethod {
  const { desc } = method;
  const path = pathOf(desc);
  return { ...method, path, log: log.child({ method: path.slice(1) }), read: readerOf(desc.input), run: wayOf(desc) };
}

function missing(contract: Contract, services: readonly RpcService[]): string[] {
  return contract.services.flatMap((service) => {
    const served = services.find((each) => each.service === service);
    if (!served) return [`${service.typeName} has no handlers: pass implement(${service.name}, …) to the server`];
    return service.methods
      .filter(({ localName }) => !served.handlers[localName])
      .map((method) => `${pathOf(method)} has no handler: write ${method.localName}`);
  });
}

function superfluous(contract: Contract, services: readonly RpcService[]): string[] {
  return services.flatMap(({ service, handlers }) => {
    if (!contract.services.includes(service)) return [`${service.typeName} is not in the contract: declare or drop it`];
    return Object.keys(handlers)
      .filter((name) => !service.methods.some(({ localName }) => localName === name))
      .map((name) => `the handler ${name} belongs to no method of ${service.typeName}: declare or drop it`);
  });
}
