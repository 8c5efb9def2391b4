import {
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescService,
  getOption,
  hasOption,
  isMessage,
  type Message,
} from "@bufbuild/protobuf";
import { error } from "#gen/heddle/v1/error_pb.ts";
import { event, sensitive } from "#gen/heddle/v1/event_pb.ts";
import { policy, server } from "#gen/heddle/v1/policy_pb.ts";
import { effect, on, participant, saga, timer } from "#gen/heddle/v1/saga_pb.ts";
import type { Element, Faults } from "./faults.ts";

/** Field numbers that Heddle's options use and may come to use. */
const ours = { from: 50_800, to: 50_899 };
const known = new Set(
  [policy, on, event, sensitive, participant, timer, effect, error, server, saga].map(({ number }) => number),
);

/**
 * Notes every option in Heddle's range that this version does not know, and every unknown field inside a known one:
 * a contract written for a newer Heddle must not lose its meaning silently.
 */
export function reportUnknownOptions(files: readonly DescFile[], faults: Faults): void {
  for (const element of files.flatMap(elementsOf)) {
    const options = "options" in element.proto ? element.proto.options : undefined;
    for (const { no } of options?.$unknown ?? []) {
      if (no < ours.from || no > ours.to || known.has(no)) continue;
      faults.add(element, `option ${no} is unknown to this version of Heddle`, "update Heddle or drop the option");
    }
    reportUnknownFields(element, faults);
  }
}

function reportUnknownFields(element: Element, faults: Faults): void {
  for (const option of knownOptionsOf(element).flatMap(withParts)) {
    for (const { no } of option.$unknown ?? []) {
      const problem = `field ${no} of ${option.$typeName} is unknown to this version of Heddle`;
      faults.add(element, problem, "update Heddle or drop the field");
    }
  }
}

/** Lists an option and the messages inside it. */
function withParts(option: Message): Message[] {
  const parts = Object.values<unknown>({ ...option })
    .flat()
    .filter((value) => isMessage(value));
  return [option, ...parts.flatMap(withParts)];
}

function knownOptionsOf(element: Element) {
  if (element.kind === "rpc") {
    const method = element;
    return [policy, on, timer, effect]
      .filter((option) => hasOption(method, option))
      .map((option) => getOption(method, option));
  }
  if (element.kind === "message") return hasOption(element, event) ? [getOption(element, event)] : [];
  if (element.kind === "service") {
    const service = element;
    return [participant, server]
      .filter((option) => hasOption(service, option))
      .map((option) => getOption(service, option));
  }
  if (element.kind === "file") return hasOption(element, saga) ? [getOption(element, saga)] : [];
  if (element.kind === "enum_value") return hasOption(element, error) ? [getOption(element, error)] : [];
  return [];
}

function elementsOf(file: DescFile): Element[] {
  return [
    file,
    ...file.services.flatMap(ofService),
    ...file.messages.flatMap(ofMessage),
    ...file.enums.flatMap(ofEnum),
  ];
}

function ofService(service: DescService): Element[] {
  return [service, ...service.methods];
}

function ofMessage(message: DescMessage): Element[] {
  const fields: DescField[] = message.fields;
  return [message, ...fields, ...message.nestedMessages.flatMap(ofMessage), ...message.nestedEnums.flatMap(ofEnum)];
}

function ofEnum(type: DescEnum): Element[] {
  return [type, ...type.values];
}
