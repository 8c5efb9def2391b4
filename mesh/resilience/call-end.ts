import { Code } from "#gen/google/rpc/code_pb.ts";
import type { CallWorld } from "./call.ts";
import { Ending, type EndSignal } from "./ending.ts";
import type { DecidedBy } from "./explanation.ts";
import type { Failure } from "./outcome.ts";

/** Ends a call from outside: at its deadline, or when its caller's signal aborts. */
export class CallEnd extends Ending {
  /** How the call ended; undefined as long as it goes on. */
  failure: (Failure & { readonly by: DecidedBy }) | undefined;
  readonly #signal: EndSignal | undefined;
  readonly #cancelled = () => this.#end("caller", Code.CANCELLED, "the caller has cancelled");
  #stopClock: (() => void) | undefined;

  /** Watches the clock and the signal until it is closed. */
  constructor(
    { deadline, signal }: { readonly deadline: number; readonly signal?: EndSignal | undefined },
    world: Pick<CallWorld<unknown>, "now" | "after">,
  ) {
    super();
    this.#signal = signal;
    if (signal?.aborted) this.#cancelled();
    signal?.addEventListener("abort", this.#cancelled);
    const remainingMs = deadline - world.now();
    const passed = () => this.#end("deadline", Code.DEADLINE_EXCEEDED, "the deadline has passed");
    if (remainingMs <= 0) passed();
    else if (Number.isFinite(remainingMs)) this.#stopClock = world.after(remainingMs, passed);
  }

  /** Takes the timer and the listener away. */
  close(): void {
    this.#stopClock?.();
    this.#signal?.removeEventListener("abort", this.#cancelled);
  }

  #end(by: DecidedBy, code: Code, message: string): void {
    if (this.failure) return;
    this.failure = { ok: false, by, code, message, progress: "maybe_processed" };
    this.abort();
  }
}
