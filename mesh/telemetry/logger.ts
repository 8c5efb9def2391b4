import cluster from "node:cluster";
import { createRequire } from "node:module";
import { type DestinationStream, type LoggerOptions as PinoOptions, pino } from "pino";
import { isoTime } from "./iso-time.ts";
import { standardOutput } from "./standard-output.ts";

/** Writes the log of a process. */
export type Logger = pino.Logger;

/** How a log is written. */
export interface LoggerOptions {
  /** Who writes, such as "shop.order"; on every line as "name". */
  readonly name: string;
  /** Least level that is written: trace, debug, info, warn, error, fatal or silent. Default info. */
  readonly level?: string;
  /** "json" for machines, the default; "pretty" for people, where pino-pretty is installed. */
  readonly format?: "json" | "pretty";
  /** Where to. Default stdout. */
  readonly destination?: DestinationStream;
}

/**
 * Creates the log of a process: one line of JSON for each entry, with an ISO time and the level by name. One of several
 * workers writes its number, too.
 */
export function createLogger(options: LoggerOptions): Logger {
  const settings: PinoOptions = {
    name: options.name,
    level: options.level ?? "info",
    timestamp: isoTime,
    formatters: { level: (label) => ({ level: label }) },
    base: cluster.worker ? { worker: cluster.worker.id } : {},
  };
  const to = options.destination ?? standardOutput();
  if (options.format !== "pretty") return pino(settings, to);
  const pretty = prettyPrinter();
  if (pretty) return pino(settings, pretty(to));
  const log = pino(settings, to);
  log.warn("pino-pretty is not installed: writing JSON. Set LOG_FORMAT=json, or install the development dependencies");
  return log;
}

type PrettyPrinter = (to: DestinationStream) => DestinationStream;

// A development dependency: looked for only when asked for, and absent from images.
function prettyPrinter(): PrettyPrinter | undefined {
  const require = createRequire(import.meta.url);
  try {
    const { prettyFactory } = require("pino-pretty") as typeof import("pino-pretty");
    const format = prettyFactory({ singleLine: true, translateTime: "SYS:HH:MM:ss.l" });
    return (to) => ({ write: (line) => to.write(format(line)) });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
