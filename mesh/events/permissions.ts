import type { Contract } from "#mesh/contract";
import { inboxPrefix, type NatsPermissions } from "#mesh/nats";
import { type ConsumerLane, consumerLanes } from "./consumer-lanes.ts";
import { consumerConfig } from "./nats/index.ts";
import { streamName } from "./stream-names.ts";

/** A server that filters a consumer by one subject only, and one that takes a list of them. */
const serverVersions = ["2.9.10", "2.10.0"];

/**
 * What a service must be allowed at the broker, and no more: to feed the stream of what it announces, to read with its
 * own durables from the streams of what it reacts to, and to wake its replicas.
 *
 * It may create consumers on the streams of others only. The broker delivers what a consumer reads to any subject that
 * its configuration names, whoever asked for it: one on the service's own stream, which holds what the service likes,
 * would let it speak for everyone.
 */
export function eventPermissions(contract: Contract): NatsPermissions {
  const { name } = contract;
  const wake = `wake.${name}`;
  const own = contract.events.size > 0 ? feeding(name) : [];
  return {
    publish: [...new Set([...own, ...consumerLanes(contract).flatMap(reading), wake])],
    subscribe: [`${inboxPrefix(name)}.>`, wake],
  };
}

function feeding(service: string): string[] {
  const stream = streamName(service);
  const api = ["STREAM.INFO", "STREAM.CREATE", "STREAM.MSG.GET", "CONSUMER.LIST"];
  return [
    `evt.${service}.>`,
    ...api.map((call) => `$JS.API.${call}.${stream}`),
    // What stands behind a stream that the broker has lost the end of is taken down, and made anew by its own service.
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
  ];
}

function reading({ spec }: ConsumerLane): string[] {
  const { stream } = spec;
  const durables = serverVersions.flatMap((version) => {
    const config = consumerConfig(spec, version);
    const { durable_name } = config;
    // Servers compare the filter that is part of the subject with the one that is asked for. A list has no place there.
    const create =
      "filter_subject" in config
        ? `CREATE.${stream}.${durable_name}.${config.filter_subject}`
        : `DURABLE.CREATE.${stream}.${durable_name}`;
    return [
      `$JS.API.CONSUMER.${create}`,
      `$JS.API.CONSUMER.INFO.${stream}.${durable_name}`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable_name}`,
      `$JS.ACK.${stream}.${durable_name}.>`,
    ];
  });
  return [`$JS.API.CONSUMER.LIST.${stream}`, ...durables];
}
