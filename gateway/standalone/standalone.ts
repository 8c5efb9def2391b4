import type { Program } from "#mesh/process";
import { group, type Part, StartError } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { createGuard } from "../guard/guard.ts";
import { answerRequests } from "../http/answer-requests.ts";
import { createRequestMetrics } from "../http/request-metrics.ts";
import { createHttpPart } from "../http/serve.ts";
import { createChannels } from "./channels.ts";
import type { StandaloneConfig } from "./config.ts";
import { openDiscovery } from "./discovery.ts";
import { gatewayMetrics } from "./gateway-metrics.ts";
import type { Generation } from "./generation.ts";
import { createLoad } from "./load.ts";
import { createReloads } from "./reloads.ts";
import { reportSetup } from "./report.ts";
import { watchFiles } from "./watch-files.ts";

/** What a gateway in front of servers of others is made of. */
export interface StandaloneOptions {
  /** Reads the configuration; called again for each reload. Throws a StartError for one that cannot be used. */
  readonly readConfig: () => StandaloneConfig;
  readonly log: Logger;
  /** Pause between two looks at the files that it depends on, in milliseconds. Default 500. */
  readonly watchEveryMs?: number;
}

/** A gateway that reads its contracts at run time. */
export interface Standalone extends Program {
  /** Where it listens, once it has started. */
  readonly url: string;
  /**
   * Reads configuration and contracts again and serves them from the next request on; requests under way end by those
   * that they began with. What cannot be served is logged and counted, and what was served before stays.
   */
  reload(why: string): Promise<void>;
}

/** How long a server may take to answer reflection when the contracts are read again, in milliseconds. */
const reloadPatienceMs = 5_000;

/** Creates the gateway. Throws a StartError that lists every fault of the configuration. */
export function standalone({ readConfig, log, watchEveryMs }: StandaloneOptions): Standalone {
  const first = readConfig();
  const { listen, stop, clients, metricsPort, registryUrl } = first;
  const stopping = new AbortController();
  const requests = createRequestMetrics(first);
  const metrics = gatewayMetrics({ host: listen.host, port: metricsPort });
  const { discovery, part: finding } = openDiscovery(registryUrl, log);
  const channels = createChannels(discovery, metrics.calling);
  const guard = createGuard(first.guard, log);
  const load = createLoad({
    channels,
    guard,
    log,
    signal: stopping.signal,
    stopping: () => http.stopping,
    cut: () => http.cut,
  });
  let config = first;
  let current: Generation | undefined;

  async function serve(next: StandaloneConfig, patienceMs: number): Promise<void> {
    const generation = await load(next, patienceMs);
    current?.retire();
    if (stopping.signal.aborted) generation.retire();
    current = generation;
    config = next;
  }

  const reloads = createReloads(async (why) => {
    try {
      const next = readConfig();
      await serve(next, reloadPatienceMs);
      metrics.reloaded("swapped");
      reportSetup(next, current?.edge, log);
      log.info({ why }, "serving other contracts");
      warnOfRestart(first, next, log);
    } catch (fault) {
      if (stopping.signal.aborted) return;
      metrics.reloaded("refused");
      const reason = fault instanceof StartError ? { faults: fault.message.split("\n") } : { err: fault };
      log.error({ why, ...reason }, "the new contracts are refused, and those before stay");
    }
  });

  const http = createHttpPart({
    ...{ ...listen, ...stop, clients, portVariable: "listen.port (--port)", log },
    listener: answerRequests((exchange, upgrade) => current?.handle(exchange, upgrade), {
      ...{ clients, log, metrics: requests },
    }),
  });
  const contracts: Part = {
    name: "contracts",
    async start() {
      await serve(first, first.limits.reflectionMs);
      reportSetup(first, current?.edge, log);
    },
    async stop() {
      current?.retire();
    },
  };
  const watching = watchFiles({
    files: () => config.files,
    onChange: () => void reloads.request("a file has changed"),
    everyMs: watchEveryMs,
  });
  const parts = group("gateway", [
    metrics.part(() => channels.list().map((one) => one.view())),
    finding,
    watching,
    contracts,
    guard,
    requests.part,
    http,
  ]);
  return {
    ...{ name: "gateway", log },
    get url() {
      return http.url;
    },
    reload: (why) => reloads.request(why),
    hangup: () => void reloads.request("SIGHUP"),
    async start() {
      await parts.start();
      log.info({ url: http.url, pid: process.pid }, "listening");
    },
    async stop() {
      stopping.abort();
      await parts.stop();
    },
  };
}

/** What is made once cannot change while the process lives. */
function warnOfRestart(first: StandaloneConfig, next: StandaloneConfig, log: Logger): void {
  const fixed = ["listen", "stop", "clients", "guard", "metricsPort", "registryUrl"] as const;
  const changed = fixed.filter((part) => JSON.stringify(first[part]) !== JSON.stringify(next[part]));
  if (changed.length > 0) log.warn({ changed }, "a part of the configuration has changed that needs a restart");
}
