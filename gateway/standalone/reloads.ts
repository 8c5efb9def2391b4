/** Runs one reload at a time. */
export interface Reloads {
  /** Reloads once more, after the one that is under way. Resolves with that, and never rejects. */
  request(why: string): Promise<void>;
}

/** Creates the queue of one kind of reload. Requests that come while one waits already are the same one. */
export function createReloads(reload: (why: string) => Promise<void>): Reloads {
  let running: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  return {
    request(why) {
      waiting ??= running.then(() => {
        waiting = undefined;
        running = reload(why);
        return running;
      });
      return waiting;
    },
  };
}
