import type { DescMessage } from "@bufbuild/protobuf";
import type { Contract, EventContract } from "#mesh/contract";
import type { System } from "./discover.ts";
import { type JsonSchema, messageSchema } from "./json-schema.ts";

type Json = JsonSchema;

/** Describes all events of a system as an AsyncAPI 3 document: who announces what on which subject, and who reacts. */
export function asyncApi({ contracts }: System): Json {
  const events = contracts.flatMap((contract) => [...contract.events.values()]);
  const messages = new Map<string, DescMessage>();
  for (const { message } of events) gather(message, messages);
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Events",
      version: "1.0.0",
      description: "Written by `npm run verify -- --write` from the contracts. Do not edit.",
    },
    defaultContentType: "application/protobuf",
    servers: { jetstream: { host: "{host}", protocol: "nats", variables: { host: { default: "localhost:4222" } } } },
    channels: Object.fromEntries(events.map((event) => [channelName(event), channel(event)])),
    operations: Object.fromEntries(contracts.flatMap(operations)),
    components: {
      messages: Object.fromEntries(events.map(({ message }) => [message.typeName, messageOf(message)])),
      schemas: Object.fromEntries(
        [...messages].toSorted(byName).map(([name, message]) => [name, messageSchema(message)]),
      ),
    },
  };
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

function channelName({ message }: EventContract): string {
  return message.typeName;
}

function channel(event: EventContract): Json {
  return {
    address: `${event.subjectPrefix}.{${event.key.name}}`,
    messages: { [event.message.name]: { $ref: `#/components/messages/${event.message.typeName}` } },
    parameters: { [event.key.name]: { description: `Id of the ${event.aggregate}.` } },
    "x-public": event.public,
  };
}

function operations(contract: Contract): [string, Json][] {
  const sent = [...contract.events.values()].map((event): [string, Json] => [
    `${contract.name}.announce.${event.message.name}`,
    { action: "send", channel: { $ref: `#/channels/${channelName(event)}` } },
  ]);
  const received = (contract.reactions?.events ?? []).map((reaction): [string, Json] => [
    `${contract.name}.${reaction.method.name}`,
    {
      action: "receive",
      channel: { $ref: `#/channels/${channelName(reaction.event)}` },
      "x-critical": reaction.critical,
    },
  ]);
  return [...sent, ...received];
}

function messageOf(message: DescMessage): Json {
  return {
    name: message.typeName,
    contentType: "application/protobuf",
    // The bytes are Protobuf; the schema is that of the message's JSON form.
    payload: { $ref: `#/components/schemas/${message.typeName}` },
  };
}

function gather(message: DescMessage, into: Map<string, DescMessage>): void {
  if (into.has(message.typeName)) return;
  into.set(message.typeName, message);
  for (const { message: inner } of message.fields) {
    if (inner && !inner.typeName.startsWith("google.protobuf.")) gather(inner, into);
  }
}
