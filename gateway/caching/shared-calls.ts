import { Code, ConnectError } from "@connectrpc/connect";
import type { UnaryAnswer } from "#mesh/target";

/** Calls under way whose answers more than one request waits for. */
export interface SharedCalls {
  /**
   * Waits for the answer to the call with this key, which `make` makes unless it is under way. A call ends when nobody waits
   * for it any more; whoever has joined it and has time left when it has none makes it again. Throws what the call throws,
   * DeadlineExceeded after `timeoutMs` milliseconds, and what `signal` aborts with.
   */
  join(key: string, wait: Wait, make: MakeCall): Promise<UnaryAnswer>;
}

/** How long somebody waits. */
export interface Wait {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Makes a call that `signal` ends, within `timeoutMs` milliseconds. */
export type MakeCall = (wait: Wait) => Promise<UnaryAnswer>;

interface SharedCall {
  readonly answer: Promise<UnaryAnswer>;
  readonly left: AbortController;
  waiting: number;
}

/** After how many calls the table of those under way is made anew. */
const renewal = 256;

/** Creates the set of calls that are shared. */
export function createSharedCalls(): SharedCalls {
  let calls = new Map<string, SharedCall>();
  let forgotten = 0;
  const begin = (key: string, timeoutMs: number, make: MakeCall): SharedCall => {
    const left = new AbortController();
    const call = { answer: make({ signal: left.signal, timeoutMs }), left, waiting: 0 };
    calls.set(key, call);
    const forget = () => {
      if (calls.get(key) !== call) return;
      calls.delete(key);
      // Each table that a Map has outgrown leads to the next one, so that one grown old keeps all answers since.
      if (++forgotten % renewal === 0) calls = new Map(calls);
    };
    call.answer.then(forget, forget);
    left.signal.addEventListener("abort", forget);
    return call;
  };
  return {
    async join(key, { signal, timeoutMs }, make) {
      const endMs = performance.now() + timeoutMs;
      for (;;) {
        const wait = { signal, timeoutMs: endMs - performance.now() };
        const others = calls.get(key);
        try {
          return await waitFor(others ?? begin(key, wait.timeoutMs, make), wait);
        } catch (error) {
          const hasTime = others !== undefined && !signal.aborted && performance.now() < endMs;
          if (!hasTime || ConnectError.from(error).code !== Code.DeadlineExceeded) throw error;
        }
      }
    },
  };
}

async function waitFor(call: SharedCall, { signal, timeoutMs }: Wait): Promise<UnaryAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<UnaryAnswer>();
  const giveUp = () => reject(signal.reason);
  const timer = setTimeout(() => reject(new ConnectError("the deadline has passed", Code.DeadlineExceeded)), timeoutMs);
  signal.addEventListener("abort", giveUp);
  if (signal.aborted) giveUp();
  call.waiting++;
  call.answer.then(resolve, reject);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
    if (--call.waiting === 0) call.left.abort();
  }
}
