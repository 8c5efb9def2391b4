import {
  clone,
  createFileRegistry,
  type DescExtension,
  type Extendee,
  type ExtensionValueShape,
  getExtension,
  setExtension,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
  type MethodDescriptorProto,
  MethodDescriptorProtoSchema,
  type ServiceDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import { type Event, event } from "#gen/heddle/v1/event_pb.ts";
import { type Policy, policy } from "#gen/heddle/v1/policy_pb.ts";
import {
  type Effect,
  effect,
  type Move,
  type On,
  on,
  type Participant,
  participant,
  type Saga,
  saga,
  type Timer,
  timer,
} from "#gen/heddle/v1/saga_pb.ts";
import { ContractError } from "#mesh/contract";
import { checkSystem, readSystem, verifySaga } from "#mesh/verify";
import { readImage } from "../../scripts/read-image.ts";
import { createLocator } from "../../scripts/source-lines.ts";

/** The unchanged contracts. */
export const image: FileDescriptorSet = await readImage();

/** What became of changed contracts: refused at the start of a service, found by the proof, or accepted. */
export interface Outcome {
  readonly by: "start" | "proof" | "nobody";
  /** What was said. */
  readonly said: readonly string[];
}

/** The contracts, open to change. Everything throws when the thing to change is no longer there. */
export interface Mutable {
  readonly files: FileDescriptorProto[];
}

/** How far a proof goes. */
export interface Bounds {
  readonly sagas?: number;
  readonly maxStates?: number;
  readonly maxSeconds?: number;
}

/** Changes a copy of the contracts and proves its sagas. Throws a ContractError for what services refuse at start. */
export function prove(change: (contracts: Mutable) => void, bounds: Bounds = {}) {
  const copy = clone(FileDescriptorSetSchema, image);
  change({ files: copy.file });
  const system = readSystem(createFileRegistry(copy));
  const locate = createLocator(copy, "proto");
  const options = { sagas: 2, maxStates: 200_000, maxSeconds: 20, locate, ...bounds };
  const verdicts = system.sagas.map((declared) => verifySaga(declared, system, options));
  return { system, verdicts, findings: [...checkSystem(system), ...verdicts.flatMap(({ findings }) => findings)] };
}

/** Changes a copy of the contracts and looks at it as services and the proof do. */
export function judge(change: (contracts: Mutable) => void): Outcome {
  try {
    const said = prove(change).findings.map(({ check, problem }) => `${check}: ${problem}`);
    return { by: said.length > 0 ? "proof" : "nobody", said };
  } catch (error) {
    if (error instanceof ContractError) return { by: "start", said: error.faults };
    throw error;
  }
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the contract has changed; the test looks for something it no longer has");
  return value;
}

/** Leaves a service without the state in which it remembers a cancellation that came first. */
export function withoutTombstone(contracts: Mutable, cancelled: Place, begun: Place): void {
  changeOn(contracts, cancelled, ({ moves }) => removeMove(moves, "NONE", "CANCELLED_EARLY"));
  changeOn(contracts, begun, ({ ignoredIn }) => remove(ignoredIn, "CANCELLED_EARLY"));
  removeState(contracts, cancelled[0], "CANCELLED_EARLY");
}

/** Path of a service, such as "order/reactions", and name of its rpc. */
export type Place = readonly [path: string, rpc: string];

/** Finds a service of the shop by its path. */
export function service({ files }: Mutable, path: string): ServiceDescriptorProto {
  const file = files.find(
    ({ name }) => name.startsWith(`shop/${path}/v1/`) && /(service|reactions)\.proto$/.test(name),
  );
  return found(file?.service[0]);
}

/** Finds an rpc. */
export function rpc(contracts: Mutable, [path, name]: Place): MethodDescriptorProto {
  return found(service(contracts, path).method.find((candidate) => candidate.name === name));
}

/** Removes an rpc. */
export function removeRpc(contracts: Mutable, place: Place): void {
  const { method } = service(contracts, place[0]);
  method.splice(method.indexOf(rpc(contracts, place)), 1);
}

/** Adds an rpc of reactions that a timer calls and that announces nothing. */
export function addTimer(contracts: Mutable, path: string, value: Timer): void {
  const added = clone(MethodDescriptorProtoSchema, rpc(contracts, ["order/reactions", "OnDeadline"]));
  added.name = "OnExpired";
  added.outputType = rpc(contracts, [
    path,
    path.startsWith("inventory") ? "OnProductCreated" : "OnStockReserved",
  ]).outputType;
  setExtension(found(added.options), timer, value);
  service(contracts, path).method.push(added);
}

/** Changes how an event or a command meets states. */
export function changeOn(contracts: Mutable, place: Place, change: (value: On) => void): void {
  edit(rpc(contracts, place).options, on, change);
}

/** Changes a timer. */
export function changeTimer(contracts: Mutable, place: Place, change: (value: Timer) => void): void {
  edit(rpc(contracts, place).options, timer, change);
}

/** Changes an effect. */
export function changeEffect(contracts: Mutable, place: Place, change: (value: Effect) => void): void {
  edit(rpc(contracts, place).options, effect, change);
}

/** Changes a method's policy. */
export function changePolicy(contracts: Mutable, place: Place, change: (value: Policy) => void): void {
  edit(rpc(contracts, place).options, policy, change);
}

/** Removes the services of a file. */
export function removeService({ files }: Mutable, name: string): void {
  found(files.find((file) => file.name === name)).service = [];
}

/** Changes a participant. */
export function changeParticipant(contracts: Mutable, path: string, change: (value: Participant) => void): void {
  edit(service(contracts, path).options, participant, change);
}

/** Changes the saga as a whole. */
export function changeSaga({ files }: Mutable, change: (value: Saga) => void): void {
  edit(files.find(({ name }) => name.endsWith("checkout_saga.proto"))?.options, saga, change);
}

/** Changes an event by its name. */
export function changeEvent({ files }: Mutable, name: string, change: (value: Event) => void): void {
  const messages = files.flatMap(({ messageType }) => messageType);
  edit(messages.find((message) => message.name === name && message.options)?.options, event, change);
}

/** Removes a state from an enum, so that nothing names it any more. */
export function removeState(contracts: Mutable, path: string, state: string): void {
  changeParticipant(contracts, path, ({ final }) => remove(final, state));
  const states = contracts.files.flatMap(({ enumType }) => enumType).filter(({ name }) => /State$|Status$/.test(name));
  const owner = path.startsWith("inventory") ? "ReservationState" : "PaymentStatus";
  const { value } = found(states.find(({ name }) => name === owner));
  value.splice(value.indexOf(found(value.find(({ name }) => name.endsWith(state)))), 1);
}

/** Finds the move of a list that leaves one state for another. */
export function move(moves: readonly Move[], from: string, to: string): Move {
  return found(moves.find((candidate) => candidate.from === from && candidate.to === to));
}

/** Removes the move of a list that leaves one state for another. */
export function removeMove(moves: Move[], from: string, to: string): void {
  moves.splice(moves.indexOf(move(moves, from, to)), 1);
}

/** Removes one of a list. */
export function remove(names: string[], name: string): void {
  if (!names.includes(name)) throw new Error(`the contract no longer lists "${name}"`);
  names.splice(names.indexOf(name), 1);
}

function edit<Desc extends DescExtension>(
  options: Extendee<Desc> | undefined,
  extension: Desc,
  change: (value: ExtensionValueShape<Desc>) => void,
): void {
  const value = getExtension(found(options), extension);
  change(value);
  setExtension(found(options), extension, value);
}
