import { newTrace, parseTraceparent } from "#mesh/telemetry";
import { type Delivery, PermanentError } from "./delivery.ts";

/** Headers of a message by name, names in the case in which they were sent. */
export type Headers = Readonly<Record<string, string>>;

/** The attributes of an event that the outbox knows when it is announced. */
export interface EventAttributes {
  readonly eventId: string;
  readonly source: string;
  readonly type: string;
  readonly key: string;
  readonly time: Date;
  readonly correlationId: string;
  readonly causationId: string | undefined;
  readonly traceparent: string;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Name of the header that carries an event's position among those of its aggregate. */
export const versionHeader = "ce-aggversion";

/** Headers of CloudEvents 1.0 in NATS binary mode; the aggregate's version is added when it is known. */
export function cloudEventHeaders(event: EventAttributes): Headers {
  const attributes = {
    specversion: "1.0",
    id: event.eventId,
    source: event.source,
    type: event.type,
    subject: event.key,
    time: event.time.toISOString(),
    datacontenttype: "application/protobuf",
    correlationid: event.correlationId,
    ...(event.causationId === undefined ? {} : { causationid: event.causationId }),
    traceparent: event.traceparent,
  };
  const encoded = Object.entries(attributes).map(([name, value]) => [`ce-${name}`, encodeAttribute(value)]);
  return { ...Object.fromEntries(encoded), traceparent: event.traceparent };
}

/** What a delivery tells about itself apart from its headers. */
export type Received = Pick<Delivery, "subject" | "payload" | "deliveries"> & { readonly headers: Headers };

/** Reads a delivery. Throws PermanentError when its headers are not those of one of our events. */
export function readDelivery(received: Received): Delivery {
  const attribute = (name: string) => decodeAttribute(received.headers[`ce-${name}`] ?? "");
  const eventId = attribute("id");
  const key = attribute("subject");
  const type = attribute("type");
  const time = new Date(attribute("time"));
  if (!uuid.test(eventId) || key === "" || type === "" || Number.isNaN(time.getTime())) {
    throw new PermanentError(`not an event: ce-id "${eventId}", ce-type "${type}", ce-subject "${key}"`);
  }
  return {
    ...received,
    eventId,
    key,
    type,
    time,
    aggregateVersion: Number(attribute("aggversion")),
    correlationId: attribute("correlationid") || key,
    trace: parseTraceparent(received.headers.traceparent ?? attribute("traceparent")) ?? newTrace(),
  };
}

/** Percent-encodes what a header may not carry: space, double quote, percent, and all beyond printable ASCII. */
export function encodeAttribute(value: string): string {
  return Array.from(value, (character) => (/[!#$&-~]/.test(character) ? character : encodeCharacter(character))).join(
    "",
  );
}

/** The reverse of encodeAttribute; what is not well encoded stays as it is. */
export function decodeAttribute(value: string): string {
  return value.replace(/(%[0-9A-Fa-f]{2})+/g, (encoded) =>
    new TextDecoder().decode(Buffer.from(encoded.replaceAll("%", ""), "hex")),
  );
}

function encodeCharacter(character: string): string {
  return Array.from(
    new TextEncoder().encode(character),
    (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  ).join("");
}
