import { Code } from "#gen/google/rpc/code_pb.ts";
import type { CallWorld } from "./call.ts";
import type { DecidedBy } from "./explanation.ts";
import type { Failure } from "./outcome.ts";
import { over } from "./over.ts";

/** What ends a call from outside: its deadline, or its caller. */
export interface CallEnd {
  /** Aborts when the call ends, with its failure as the reason. */
  readonly signal: AbortSignal;
  /** How it ended; undefined as long as it goes on. */
  failure(): (Failure & { readonly by: DecidedBy }) | undefined;
  /** Takes the timer and the listener away. */
  close(): void;
}

/** Watches the deadline and the caller's signal. */
export function watchCallEnd(
  { deadline, signal }: { readonly deadline: number; readonly signal?: AbortSignal | undefined },
  world: Pick<CallWorld<unknown>, "now" | "sleep">,
): CallEnd {
  const controller = new AbortController();
  const timer = new AbortController();
  let ended: (Failure & { readonly by: DecidedBy }) | undefined;

  function end(by: DecidedBy, code: Code, message: string): void {
    if (ended) return;
    ended = { ok: false, by, code, message, progress: "maybe_processed" };
    controller.abort(ended);
  }
  const passed = () => end("deadline", Code.DEADLINE_EXCEEDED, "the deadline has passed");
  const cancelled = () => end("caller", Code.CANCELLED, "the caller has cancelled");

  if (signal?.aborted) cancelled();
  signal?.addEventListener("abort", cancelled, { once: true });
  const remainingMs = deadline - world.now();
  if (remainingMs <= 0) passed();
  else if (Number.isFinite(remainingMs)) {
    void world.sleep(remainingMs, timer.signal).then(() => {
      if (!timer.signal.aborted) passed();
    });
  }
  return {
    signal: controller.signal,
    failure: () => ended,
    close() {
      timer.abort(over);
      signal?.removeEventListener("abort", cancelled);
    },
  };
}
