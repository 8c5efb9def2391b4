/** Requests that a call takes one by one, as they are pushed. */
export class RequestQueue<T> implements AsyncIterable<T> {
  /** How many the call has taken. */
  taken = 0;
  readonly #items: T[] = [];
  #closed = false;
  #wake = Promise.withResolvers<void>();

  push(item: T): void {
    this.#items.push(item);
    this.#wake.resolve();
  }

  close(): void {
    this.#closed = true;
    this.#wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) {
        this.taken++;
        yield item;
      } else if (this.#closed) {
        return;
      } else {
        this.#wake = Promise.withResolvers();
        await this.#wake.promise;
      }
    }
  }
}
