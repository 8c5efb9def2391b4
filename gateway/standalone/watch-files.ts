import { stat } from "node:fs/promises";
import type { Part } from "#mesh/process";

/** Which files are watched, and who is told. */
export interface WatchOptions {
  /** Asked for each time: a changed configuration names other files. */
  files(): readonly string[];
  /** Called when a file has changed and then stayed the same for as long as the next look. */
  onChange(): void;
  /** Pause between two looks, in milliseconds. Default 500. */
  readonly everyMs?: number | undefined;
}

/**
 * Watches files by looking at them again and again, which notices every way of replacing one, also over a network and
 * behind the links of a Kubernetes volume. A file that is being written is left alone until it is whole.
 */
export function watchFiles({ files, onChange, everyMs = 500 }: WatchOptions): Part {
  let timer: NodeJS.Timeout | undefined;
  let known = "";
  let previous = "";

  async function look(): Promise<void> {
    const seen = await signatureOf(files());
    if (seen === previous && seen !== known) {
      known = seen;
      onChange();
    }
    previous = seen;
    if (timer) timer = setTimeout(look, everyMs).unref();
  }

  return {
    name: "watched files",
    async start() {
      known = await signatureOf(files());
      previous = known;
      timer = setTimeout(look, everyMs).unref();
    },
    async stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

async function signatureOf(files: readonly string[]): Promise<string> {
  const seen = files.map(async (path) => {
    try {
      const { ino, size, mtimeMs } = await stat(path);
      return [path, ino, size, mtimeMs].join(" ");
    } catch {
      // Gone, perhaps only for the moment in which it is replaced.
      return `${path} missing`;
    }
  });
  return (await Promise.all(seen)).join("\n");
}
