import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";

/** What is done again and again. */
export interface PeriodicOptions {
  readonly name: string;
  /** Milliseconds from one start of the work to the next. A run that takes longer is not overtaken. */
  readonly everyMs: number;
  readonly work: () => Promise<unknown>;
  readonly log: Logger;
}

/** Work that is done at start, which fails with it, and then periodically, when a failure is logged. */
export function periodic({ name, everyMs, work, log }: PeriodicOptions): Part {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  async function runLogged(): Promise<void> {
    try {
      await work();
    } catch (error) {
      log.error({ err: error, part: name }, "periodic work failed, it is tried again");
    } finally {
      running = undefined;
    }
  }

  return {
    name,
    async start() {
      await work();
      timer = setInterval(() => {
        running ??= runLogged();
      }, everyMs).unref();
    },
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
