import type { ConsumerSpec, StreamSpec } from "./broker.ts";

/** Settings of a service's stream that an installation may choose. */
export interface StreamSettings {
  /** Size at which the stream refuses more. Default 256 MiB. */
  readonly maxBytes?: number;
  /** How long events stay. Default 7 days. */
  readonly maxAgeMs?: number;
  /** Copies in a cluster: 1, 3 or 5. Default 1. */
  readonly replicas?: number;
  /** Forbids deleting messages and purging; it cannot be undone. Default false. */
  readonly sealed?: boolean;
}

const dayMs = 24 * 60 * 60 * 1000;

/** Name of the stream that a service feeds: EVT_SHOP_ORDER for "shop.order". */
export function streamName(service: string): string {
  return `EVT_${service.toUpperCase().replaceAll(".", "_")}`;
}

/** Name of the stream that an event comes from. */
export function streamOf({ headers }: { readonly headers: Readonly<Record<string, string>> }): string {
  return streamName(headers["ce-source"] ?? "");
}

/** The stream that a service feeds, and nobody else. */
export function streamSpec(service: string, settings: StreamSettings = {}): StreamSpec {
  return {
    name: streamName(service),
    subject: `evt.${service}.>`,
    maxBytes: settings.maxBytes ?? 256 * 1024 * 1024,
    maxAgeMs: settings.maxAgeMs ?? 7 * dayMs,
    maxMessageBytes: 256 * 1024,
    // An optimisation only: the inbox is what makes repetitions harmless. Large windows cost memory.
    duplicateWindowMs: 120_000,
    replicas: settings.replicas ?? 1,
    sealed: settings.sealed ?? false,
  };
}

/** Which events of a producer a consumer reads. */
export interface Lane {
  readonly subjectPrefixes: readonly string[];
  /** One at a time, in the order of the stream. */
  readonly ordered?: boolean;
  /** How long a delivered event may go without a sign of life before it is delivered again. Default 30 000 ms. */
  readonly ackWaitMs?: number | undefined;
}

const defaultAckWaitMs = 30_000;

/** The consumer with which `service` reads events of `producer`. */
export function consumerSpec(service: string, producer: string, lane: Lane): ConsumerSpec {
  const { subjectPrefixes, ordered, ackWaitMs = defaultAckWaitMs } = lane;
  const name = (of: string) => of.replaceAll(".", "_");
  return {
    stream: streamName(producer),
    name: `${name(service)}__${name(producer)}${ordered ? "_ordered" : ""}`,
    subjects: subjectPrefixes.map((prefix) => `${prefix}.*`).toSorted(),
    widest: `evt.${producer}.>`,
    ackWaitMs,
    // More than one at once could go to several replicas, or come again behind those after them.
    maxAckPending: ordered ? 1 : 256,
  };
}
