import cluster from "node:cluster";
import type { Logger } from "pino";
import type { Part } from "./part.ts";
import { StartError } from "./start-error.ts";
import { STARTED } from "./workers.ts";

/** A part that is a process of its own. */
export interface Program extends Part {
  /** Receives what happens to the process. */
  readonly log: Logger;
  /** Called at SIGHUP. Left out, that ends the process like the other signals. */
  hangup?(): void;
}

/** How `run` behaves. */
export interface RunOptions {
  /** Longest time that stopping may take, in milliseconds, before the process ends anyway. Default 15 000. */
  stopTimeoutMs?: number;
}

// One Ctrl-C reaches a process up to three times: from the terminal, from npm, from the bootstrap.
const sameKeypressMs = 1_000;

/**
 * Runs a part as the program of this process: puts it together, starts it, waits for SIGTERM, SIGINT or SIGHUP (or for
 * the death of a parent that holds an IPC channel to us), and stops it. A second signal ends the process at once.
 * A fault of starting is printed to stderr, an expected one (StartError) as its message only; the exit code is then 1.
 * Throws what `make` throws when it is no StartError.
 */
export async function run(make: () => Program, { stopTimeoutMs = 15_000 }: RunOptions = {}): Promise<void> {
  const program = made(make);
  if (!program) return;
  const { log } = program;
  const ending = Promise.withResolvers<Ending>();
  const release = listen(ending.resolve, program);
  const first = await Promise.race([startOf(program, log), ending.promise]);
  const { fault } = first ?? (await ending.promise);
  if (fault) report(fault.error, log);
  const clean = await stopWithin(program, stopTimeoutMs, log);
  if (fault || !clean) process.exitCode = 1;
  release();
  // Whatever still keeps the event loop alive must not keep the process: everything that matters has stopped.
  setTimeout(() => process.exit(), 2_000).unref();
}

function made(make: () => Program): Program | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return undefined;
  }
}

/** Why the process ends: a signal, or a fault. */
interface Ending {
  fault?: { error: unknown };
}

async function startOf(part: Part, log: Logger): Promise<Ending | undefined> {
  try {
    await part.start();
    log.info({ part: part.name }, "started");
    if (cluster.isWorker) process.send?.(STARTED);
    return undefined;
  } catch (error) {
    return { fault: { error } };
  }
}

const signals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Calls `end` at the first signal or fault; ends the process at the second signal. Returns what stops listening. */
function listen(end: (ending: Ending) => void, program: Program): () => void {
  const { log } = program;
  let firstSignal: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (signal === "SIGHUP" && program.hangup) return program.hangup();
    firstSignal ??= performance.now();
    log.info({ signal }, "stopping");
    end({});
    if (performance.now() - firstSignal > sameKeypressMs) process.exit(1);
  };
  const onOrphaned = () => end({});
  const onFault = (error: unknown) => {
    log.error({ err: error }, "uncaught");
    end({ fault: { error } });
  };
  for (const signal of signals) process.on(signal, onSignal);
  process.on("uncaughtException", onFault);
  process.on("disconnect", onOrphaned);
  // Over it a worker may have to hear that it listens: to wait for that is work.
  if (!cluster.isWorker) process.channel?.unref();
  return () => {
    process.channel?.unref();
    for (const signal of signals) process.off(signal, onSignal);
    process.off("uncaughtException", onFault);
    process.off("disconnect", onOrphaned);
  };
}

/** Prints what users can mend as its sentence alone, anything else with all there is. */
function report(error: unknown, log: Logger): void {
  if (error instanceof StartError) process.stderr.write(`${error.message}\n`);
  else log.fatal({ err: error }, "failed");
}

/** Returns whether the part stopped in time and without a fault. */
async function stopWithin(part: Part, timeoutMs: number, log: Logger): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => {
    log.error({ part: part.name, timeoutMs }, "did not stop in time");
    late.resolve(false);
  }, timeoutMs);
  const stopped = part.stop().then(
    () => true,
    (error: unknown) => {
      log.error({ err: error }, "did not stop cleanly");
      return false;
    },
  );
  const clean = await Promise.race([stopped, late.promise]);
  clearTimeout(timer);
  return clean;
}
