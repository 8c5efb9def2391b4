import { timestampFromDate } from "@bufbuild/protobuf/wkt";

/** A stored time as a message; undefined for none and for Postgres' "infinity". */
export function timestampOf(date: Date | null) {
  return date === null || Number.isNaN(date.getTime()) ? undefined : timestampFromDate(date);
}

/** The first line of an error, for lists. */
export function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
