import { lookup, resolveSrv } from "node:dns/promises";
import { bareInstance, type Instance } from "./instance.ts";
import type { Source } from "./source.ts";

/** How names are looked up. */
export interface DnsOptions {
  /** Pause between two look-ups, in milliseconds; up to a tenth more, so that processes do not ask all at once. Default 5000. */
  readonly intervalMs?: number;
  /** Addresses of a name. Default: as the operating system does, with its hosts file and search domains. */
  readonly lookUp?: (host: string) => Promise<string[]>;
  /** SRV records of a name. Default: by DNS. */
  readonly lookUpSrv?: (name: string) => Promise<{ name: string; port: number; weight: number }[]>;
  /** Told of a failed look-up; what was known before stays. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * The instances behind a name: every address of host:port, such as a headless service of Kubernetes; or, for a name
 * that begins with "_" as in RFC 2782 and has no port, the hosts, ports and weights of its SRV records.
 *
 * The name is asked again and again, not only when a connection breaks: new replicas get calls while the old ones are
 * well. An empty or failed answer changes nothing, since a name server that is ill says the same as one without records.
 */
export function dnsSource(target: string, options: DnsOptions = {}): Source {
  const { intervalMs = 5_000, lookUp = addressesOf, lookUpSrv = resolveSrv, onFault = () => undefined } = options;

  async function resolve(service: string): Promise<Instance[]> {
    if (target.startsWith("_")) {
      const records = await lookUpSrv(target);
      const found = await Promise.all(
        records.map(async ({ name, port, weight }) =>
          (await lookUp(name)).map((ip) => ({
            ...bareInstance(service, join(ip, port)),
            weight: Math.min(1000, Math.max(1, weight)),
          })),
        ),
      );
      return found.flat();
    }
    const { host, port } = split(target);
    return (await lookUp(host)).map((ip) => bareInstance(service, join(ip, port)));
  }

  return {
    watch(service, publish) {
      let ended = false;
      let timer: NodeJS.Timeout | undefined;
      let known = "";

      async function look(): Promise<void> {
        try {
          const instances = (await resolve(service)).toSorted((a, b) => (a.address < b.address ? -1 : 1));
          const found = instances.map(({ address, weight }) => `${address}*${weight}`).join();
          if (!ended && instances.length > 0 && found !== known) {
            known = found;
            publish(instances);
          }
        } catch (error) {
          onFault(error);
        }
        if (!ended) timer = setTimeout(look, intervalMs * (1 + Math.random() / 10)).unref();
      }

      void look();
      return () => {
        ended = true;
        clearTimeout(timer);
      };
    },
  };
}

async function addressesOf(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function split(target: string): { host: string; port: number } {
  const colon = target.lastIndexOf(":");
  return { host: target.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(target.slice(colon + 1)) };
}

function join(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
