import type { DescField, DescMethod } from "@bufbuild/protobuf";
import type { MoveContract, ResultField } from "./contract.ts";
import type { EventIndex } from "./event-index.ts";
import type { Faults } from "./faults.ts";

/** Reads the events that a reaction's result may hold. */
export function readResults(method: DescMethod, events: EventIndex, faults: Faults): ResultField[] {
  return method.output.fields.flatMap((field) => {
    const message = messageOf(field);
    const event = message && events.of(message);
    if (!event) {
      faults.add(
        field,
        "a result holds nothing but events of its own service",
        "use an event message or drop the field",
      );
      return [];
    }
    events.find(event.message.typeName, field);
    return [{ field, event, step: field.oneof !== undefined }];
  });
}

/** Compares the events that a result can hold with those that its moves announce, both ways. */
export function checkResults(
  reaction: { method: DescMethod; moves: readonly MoveContract[]; results: readonly ResultField[]; fanOut: boolean },
  faults: Faults,
): void {
  const { method, moves, results, fanOut } = reaction;
  const steps = results.filter(({ field, step }) => step || (fanOut && field.fieldKind === "list"));
  for (const { field, event } of steps) {
    if (moves.some(({ emits }) => emits === event)) continue;
    faults.add(field, "no move announces this step", "declare the move or drop the field");
  }
  for (const { emits } of moves) {
    if (!emits || steps.some(({ event }) => event === emits)) continue;
    const place = fanOut ? "a repeated field" : "the oneof";
    faults.add(method, `the result cannot hold ${emits.message.name}, which a move announces`, `add it to ${place}`);
  }
}

function messageOf(field: DescField) {
  if (field.fieldKind === "message") return field.message;
  return field.fieldKind === "list" && field.listKind === "message" ? field.message : undefined;
}
