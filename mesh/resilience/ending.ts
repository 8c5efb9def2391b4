/** What tells that something ends: the part of an AbortSignal that the calls need, so that an AbortSignal can stand for it. */
export interface EndSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/**
 * Something that ends once, and tells its listeners in the order in which they came. An AbortController does the same, but
 * makes an event for each end and keeps every signal with a listener in a list for the garbage collector, which several of
 * them for each call make long.
 */
export class Ending implements EndSignal {
  #aborted = false;
  #listeners: readonly (() => void)[] = NONE;

  get aborted(): boolean {
    return this.#aborted;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    if (!this.#aborted) this.#listeners = [...this.#listeners, listener];
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners = this.#listeners.toSpliced(at, 1);
  }

  /** Ends it. The second time does nothing. */
  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    const listeners = this.#listeners;
    this.#listeners = NONE;
    for (const listener of listeners) listener();
  }
}

const NONE: readonly (() => void)[] = [];
