import { Code } from "#gen/google/rpc/code_pb.ts";
import type { CallWorld } from "./call.ts";
import { Ending, type EndSignal } from "./ending.ts";
import type { DecidedBy } from "./explanation.ts";
import type { Failure } from "./outcome.ts";

/** What ends a call from outside: its deadline, or its caller. */
export interface CallEnd {
  /** Aborts when the call ends. */
  readonly signal: EndSignal;
  /** How it ended; undefined as long as it goes on. */
  failure(): (Failure & { readonly by: DecidedBy }) | undefined;
  /** Takes the timer and the listener away. */
  close(): void;
}

/** Watches the deadline and the caller's signal. */
export function watchCallEnd(
  { deadline, signal }: { readonly deadline: number; readonly signal?: EndSignal | undefined },
  world: Pick<CallWorld<unknown>, "now" | "sleep">,
): CallEnd {
  const over = new Ending();
  const timer = new Ending();
  let ended: (Failure & { readonly by: DecidedBy }) | undefined;

  function end(by: DecidedBy, code: Code, message: string): void {
    if (ended) return;
    ended = { ok: false, by, code, message, progress: "maybe_processed" };
    over.abort();
  }
  const passed = () => end("deadline", Code.DEADLINE_EXCEEDED, "the deadline has passed");
  const cancelled = () => end("caller", Code.CANCELLED, "the caller has cancelled");

  if (signal?.aborted) cancelled();
  signal?.addEventListener("abort", cancelled);
  const remainingMs = deadline - world.now();
  if (remainingMs <= 0) passed();
  else if (Number.isFinite(remainingMs)) {
    void world.sleep(remainingMs, timer).then(() => {
      if (!timer.aborted) passed();
    });
  }
  return {
    signal: over,
    failure: () => ended,
    close() {
      timer.abort();
      signal?.removeEventListener("abort", cancelled);
    },
  };
}
