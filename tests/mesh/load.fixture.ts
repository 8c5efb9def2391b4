import { setImmediate } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { eventually } from "#mesh/testing";

/** Calls that go on and on, several at once, and what came of them. */
export interface Load {
  /** Answers so far, oldest first. */
  readonly answers: readonly string[];
  /** What failed calls ended with: "[unavailable] …". */
  readonly failures: readonly string[];
  /** Waits until so many more calls have ended. */
  more(calls: number): Promise<void>;
  /** Waits until a later call is answered like this. */
  answeredBy(text: string): Promise<void>;
  /** Makes no more calls, and waits for those under way. */
  end(): Promise<void>;
}

/** Calls with `callers` at once, each its next call after its last, without trying again, until the end. */
export function startLoad(callers: number, call: () => Promise<{ text: string }>): Load {
  const answers: string[] = [];
  const failures: string[] = [];
  let ended = false;

  async function callOn(): Promise<void> {
    while (!ended) {
      try {
        answers.push((await call()).text);
      } catch (error) {
        failures.push(ConnectError.from(error).message);
      }
      // A call that is refused at once must not keep this process from hearing news.
      await setImmediate();
    }
  }

  const running = Array.from({ length: callers }, callOn);
  const total = () => answers.length + failures.length;
  const patience = { timeoutMs: 60_000 };
  return {
    answers,
    failures,
    async more(calls) {
      const enough = total() + calls;
      await eventually(() => {
        if (total() < enough) throw new Error(`${total()} of ${enough} calls have ended`);
      }, patience);
    },
    async answeredBy(text) {
      const from = answers.length;
      await eventually(() => {
        if (!answers.includes(text, from)) throw new Error(`${text} answers no calls`);
      }, patience);
    },
    async end() {
      ended = true;
      await Promise.all(running);
    },
  };
}
