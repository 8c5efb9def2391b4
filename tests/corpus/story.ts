import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";

/** Folder of the recordings, one file for each story. */
export const storyFolder = join(import.meta.dirname, "stories");

const recordedEvent = z.object({
  /** Who announced it. */
  service: z.string(),
  type: z.string(),
  aggregate: z.string(),
  /** Id of the aggregate. */
  key: z.string(),
  aggregateVersion: z.number(),
  subject: z.string(),
  headers: z.record(z.string(), z.string()),
  /** What the stream held, in base64. */
  payload: z.string(),
  /** The same for people; nothing reads it. */
  json: z.unknown(),
});

const story = z.object({
  about: z.string(),
  events: z.array(recordedEvent),
  /** The state in which each participant came to rest, by service and key. */
  rest: z.record(z.string(), z.record(z.string(), z.string())),
});

/** One event as the outbox handed it to the broker. */
export type RecordedEvent = z.infer<typeof recordedEvent>;

/** What happened, in the order in which it was announced. */
export type Story = z.infer<typeof story> & { readonly name: string };

/** Reads all recordings. Throws for a file that is none. */
export function readStories(): Story[] {
  return globSync(join(storyFolder, "*.json"))
    .toSorted()
    .map((path) => ({ name: basename(path, ".json"), ...story.parse(JSON.parse(readFileSync(path, "utf8"))) }));
}
