import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { asyncApi, type System, sagaPage, type Verdict } from "#mesh/verify";

/** Writes what is generated from the model below a folder: docs/sagas/<saga>.md and docs/events.asyncapi.json. */
export function writePages(folder: string, system: System, verdicts: readonly Verdict[]): void {
  for (const verdict of verdicts) write(join(folder, "docs", "sagas", `${verdict.name}.md`), sagaPage(verdict));
  write(join(folder, "docs", "events.asyncapi.json"), `${JSON.stringify(asyncApi(system), undefined, 2)}\n`);
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
