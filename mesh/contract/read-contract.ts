import { type DescEnum, type DescFile, type DescMethod, type DescService, getOption } from "@bufbuild/protobuf";
import { server } from "#gen/heddle/v1/policy_pb.ts";
import { checkCompensations } from "./check-compensations.ts";
import type { Contract, MethodContract, MethodPolicy } from "./contract.ts";
import { createEventIndex } from "./event-index.ts";
import { createFaults, type Faults } from "./faults.ts";
import { checkServer } from "./read-call-policy.ts";
import { readEvents } from "./read-event.ts";
import { type MethodSurroundings, readMethod, readMethodPolicy } from "./read-method.ts";
import { checkReachability, readParticipant } from "./read-participant.ts";
import { movesOf, readReactions } from "./read-reactions.ts";
import { checkReasons } from "./read-reasons.ts";
import { packageName } from "./service-name.ts";
import { reportUnknownOptions } from "./unknown-options.ts";

/** The descriptors that make up the contract of one process. */
export interface ContractSources {
  /** The rpc services that it serves, its own first: that one names the service and its port. */
  readonly services: readonly [DescService, ...DescService[]];
  /** The file of its events. Left out, it announces nothing. */
  readonly events?: DescFile;
  /** Its service of reactions. Left out, it follows nobody. */
  readonly reactions?: DescService;
  /** The enum of its error reasons. Left out, it refuses nothing by reason. */
  readonly reasons?: DescEnum;
}

/**
 * Reads everything that the contracts say about a service, and checks it.
 * Throws a ContractError that lists every fault with file, element and mend.
 */
export function readContract(sources: ContractSources): Contract {
  const faults = createFaults();
  const { services, reactions: reactionService, reasons } = sources;
  const [main] = services;
  const name = readName(sources, faults);
  reportUnknownOptions(filesOf(sources), faults);
  for (const service of services) checkServer(service, faults);
  if (reasons) checkReasons(reasons, faults);
  const events = createEventIndex(sources.events ? readEvents(sources.events, faults) : [], faults);
  const participant = reactionService && readParticipant(reactionService, filesOf(sources), faults);
  faults.throwIfAny();
  const around = { events, participant, faults };
  const reactions = reactionService && readReactions(reactionService, around);
  const methods = readMethods(services, around);
  // What follows looks at everything together, and would only repeat the faults of the parts.
  faults.throwIfAny();
  if (reactions && participant) {
    const commands = methods.flatMap(({ command }) => command?.moves ?? []);
    const moves = [...movesOf(reactions), ...commands];
    checkReachability(participant, moves, reactions.service, faults);
    checkCompensations(moves, reactions.service, faults);
  }
  events.reportUnannounced();
  faults.throwIfAny();
  return {
    name,
    services,
    defaultPort: getOption(main, server).defaultPort,
    methods: new Map(methods.map((method) => [method.method, method])),
    events: new Map(events.all.map((event) => [event.message.typeName, event])),
    reasons,
    reactions,
    participant,
  };
}

/**
 * Reads the policies and routes of services for those who call them, such as the gateway.
 * Throws a ContractError that lists every fault with file, element and mend.
 */
export function readPolicies(services: readonly DescService[]): ReadonlyMap<DescMethod, MethodPolicy> {
  const faults = createFaults();
  reportUnknownOptions([...new Set(services.map(({ file }) => file))], faults);
  for (const service of services) checkServer(service, faults);
  const policies = services
    .flatMap(({ methods }) => methods)
    .flatMap((method) => readMethodPolicy(method, faults) ?? []);
  faults.throwIfAny();
  return new Map(policies.map((policy) => [policy.method, policy]));
}

function readName({ services: [main] }: ContractSources, faults: Faults): string {
  const name = packageName(main.file);
  if (!name) faults.add(main, `package ${main.file.proto.package} names no service`, "use <system>.<service>.v<major>");
  const port = getOption(main, server).defaultPort;
  if (port < 1 || port > 65_535)
    faults.add(main, "it has no port to listen on", "add option (heddle.v1.server).default_port");
  return name?.service ?? "";
}

function readMethods(services: readonly DescService[], around: MethodSurroundings): MethodContract[] {
  return services.flatMap((service) => service.methods).flatMap((method) => readMethod(method, around) ?? []);
}

function filesOf({ services, events, reactions, reasons }: ContractSources): DescFile[] {
  const files = [...services.map(({ file }) => file), events, reactions?.file, reasons?.file];
  return [...new Set(files.filter((file) => file !== undefined))];
}
