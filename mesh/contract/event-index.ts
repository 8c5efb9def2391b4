import type { DescFile, DescMessage } from "@bufbuild/protobuf";
import type { EventContract } from "./contract.ts";
import type { Element, Faults } from "./faults.ts";
import { didYouMean } from "./nearest-name.ts";

/** Finds the events of one service by the names that options use. */
export interface EventIndex {
  readonly all: readonly EventContract[];
  /** Finds an event by full or short name, and notes a fault where there is none. */
  find(name: string, element: Element): EventContract | undefined;
  /** Finds the event that a message is, if it is one of this service. */
  of(message: DescMessage): EventContract | undefined;
  /** Notes a fault for every event that nothing was found to announce. */
  reportUnannounced(): void;
}

/** Builds the index; each event that is found through it counts as announced. */
export function createEventIndex(events: readonly EventContract[], faults: Faults): EventIndex {
  const announced = new Set<EventContract>();
  const note = (event: EventContract | undefined) => {
    if (event) announced.add(event);
    return event;
  };
  return {
    all: events,
    find(name, element) {
      const found = events.find(({ message }) => message.typeName === name || message.name === name);
      if (!found) {
        const names = events.map(({ message }) => message.name);
        faults.add(
          element,
          `"${name}" is no event of this service`,
          `name one of its events${didYouMean(name, names)}`,
        );
      }
      return note(found);
    },
    of: (message) => events.find((event) => event.message === message),
    reportUnannounced() {
      for (const event of events) {
        if (announced.has(event)) continue;
        faults.add(
          event.message,
          "nothing announces this event",
          "name it in a move or in a policy's emits, or remove it",
        );
      }
    },
  };
}

/** Lists files and all files that they import, directly or not, each after those that it imports. */
export function withDependencies(files: readonly DescFile[]): DescFile[] {
  const seen = new Set<DescFile>();
  const visit = (file: DescFile): DescFile[] => {
    if (seen.has(file)) return [];
    seen.add(file);
    return [...file.dependencies.flatMap(visit), file];
  };
  return files.flatMap(visit);
}
