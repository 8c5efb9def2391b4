import type { DescField, DescFile, DescMessage, Message } from "@bufbuild/protobuf";
import { getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import { event as eventOption } from "#gen/heddle/v1/event_pb.ts";
import type { EventContract } from "./contract.ts";
import type { Faults } from "./faults.ts";
import { packageName } from "./service-name.ts";

const keyPattern = /^[A-Za-z0-9_-]+$/;
const known = new WeakMap<DescMessage, EventContract>();

/**
 * Returns what the contract says about an event, or undefined when the message is not declared as one.
 * A faulty declaration counts as none here; readContract reports it.
 */
export function eventContract(message: DescMessage): EventContract | undefined {
  const found = known.get(message);
  if (found) return found;
  const event = readEvent(message);
  if (event) known.set(message, event);
  return event;
}

/**
 * Returns the id of the aggregate that an event is about.
 * Throws a TypeError when the key field is empty or holds characters that a subject cannot carry.
 */
export function eventKey(event: EventContract, message: Message): string {
  const key = Reflect.get(message, event.key.localName);
  if (typeof key === "string" && keyPattern.test(key)) return key;
  throw new TypeError(
    `${event.message.typeName}.${event.key.name} is ${JSON.stringify(key)}; the key of an event holds letters, digits, "-" and "_"`,
  );
}

/** Returns the subject that an event is published on: evt.<system>.<service>.<aggregate>.<Event>.v<major>.<key>. */
export function eventSubject(event: EventContract, message: Message): string {
  return `${event.subjectPrefix}.${eventKey(event, message)}`;
}

/** Checks the events that a file declares and returns them. */
export function readEvents(file: DescFile, faults: Faults): EventContract[] {
  return file.messages.flatMap((message) => {
    if (!hasOption(message, eventOption)) return [];
    const event = eventContract(message);
    if (!event) reportEvent(message, faults);
    return event ? [event] : [];
  });
}

function readEvent(message: DescMessage): EventContract | undefined {
  if (!hasOption(message, eventOption)) return undefined;
  const option = getOption(message, eventOption);
  const name = packageName(message.file);
  const key = message.fields.find((field) => field.name === option.key);
  if (!name || !key || !isStringField(key) || !/^[a-z][a-z0-9_]*$/.test(option.aggregate)) return undefined;
  return {
    message,
    service: name.service,
    aggregate: option.aggregate,
    key,
    public: option.public,
    subjectPrefix: `evt.${name.service}.${option.aggregate}.${message.name}.v${name.major}`,
  };
}

function reportEvent(message: DescMessage, faults: Faults): void {
  const { aggregate, key } = getOption(message, eventOption);
  const field = message.fields.find((candidate) => candidate.name === key);
  if (!packageName(message.file)) {
    faults.add(
      message,
      `the package ${message.file.proto.package} names no service`,
      "use <system>.<service>.v<major>",
    );
  }
  if (!/^[a-z][a-z0-9_]*$/.test(aggregate)) {
    faults.add(message, `aggregate "${aggregate}" is no lower_snake_case name`, 'write a name such as "order"');
  }
  if (!field || !isStringField(field)) {
    faults.add(message, `key "${key}" names no string field`, "name the field that holds the aggregate's id");
  }
}

function isStringField(field: DescField): field is EventContract["key"] {
  return field.fieldKind === "scalar" && field.scalar === ScalarType.STRING;
}
