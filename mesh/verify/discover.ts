import { type DescFile, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { event } from "#gen/heddle/v1/event_pb.ts";
import { server } from "#gen/heddle/v1/policy_pb.ts";
import { effect, on, participant, timer } from "#gen/heddle/v1/saga_pb.ts";
import {
  type Contract,
  ContractError,
  type ContractSources,
  packageName,
  readContract,
  readSaga,
  type SagaContract,
} from "#mesh/contract";

/** All contracts of a system, as its descriptors say. */
export interface System {
  readonly contracts: readonly Contract[];
  readonly sagas: readonly SagaContract[];
}

/**
 * Reads every service and every saga that a set of descriptors declares: a service is what the files of one
 * `<system>.<service>` package serve, announce and react to, if it has a port.
 * Throws a ContractError that lists the faults of all of them.
 */
export function readSystem(registry: { readonly files: Iterable<DescFile> }): System {
  const files = [...registry.files];
  const faults: string[] = [];
  const collect = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      faults.push(...error.faults);
      return undefined;
    }
  };
  const contracts = sourcesOf(files).flatMap((sources) => collect(() => readContract(sources)) ?? []);
  const sagas = files.flatMap((file) => collect(() => readSaga(file)) ?? []);
  if (faults.length > 0) throw new ContractError(faults);
  // By name, so that reports and pages do not depend on which file imports which.
  return { contracts: contracts.toSorted((a, b) => (a.name < b.name ? -1 : 1)), sagas };
}

function sourcesOf(files: readonly DescFile[]): ContractSources[] {
  const groups = Map.groupBy(files, (file) => packageName(file)?.service ?? "");
  return [...groups.values()].flatMap((group) => sourcesOfService(group) ?? []);
}

function sourcesOfService(files: readonly DescFile[]): ContractSources | undefined {
  const services = files.flatMap((file) => file.services);
  const [main, ...others] = services
    .filter((service) => !reacts(service))
    .toSorted((a, b) => Number(hasPort(b)) - Number(hasPort(a)));
  if (!main || !hasPort(main)) return undefined;
  const events = files.find((file) => file.messages.some((message) => hasOption(message, event)));
  const reactions = services.find(reacts);
  return { services: [main, ...others], ...(events && { events }), ...(reactions && { reactions }) };
}

/** A service without one is served beside others. */
function hasPort(service: DescService): boolean {
  return getOption(service, server).defaultPort !== 0;
}

/** A service of reactions is called by nobody: it plays a part, or its methods have causes of their own. */
function reacts(service: DescService): boolean {
  if (hasOption(service, server)) return false;
  if (hasOption(service, participant)) return true;
  return service.methods.some((method) => [on, timer, effect].some((option) => hasOption(method, option)));
}
