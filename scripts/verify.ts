// `npm run verify`: proves the sagas that the contracts declare, or tells the shortest way in which one goes wrong.
//   npm run verify -- --sagas 3 --max-states 5000000 --max-seconds 600 --json --write
//   npm run verify -- --against main
// Exit code 0: proven. 1: something is wrong. 2: the bounds on states or time were too small to know.
// --against <commit> proves besides that instances of that commit's contracts and of these can run together, as during
// a rolling deployment, that what the old ones leave behind is taken up, and says who must be deployed before whom.
// --drained <name>, any number of times, says of an rpc, event or enum that is gone that nothing of it is left.
// --trace <file> holds the moves that `npm run heddle -- sagas show <key> --json` has printed against the model, instead.
// --write writes docs/sagas/*.md and docs/events.asyncapi.json, with --into <folder> below another folder.
import { parseArgs } from "node:util";
import { createFileRegistry } from "@bufbuild/protobuf";
import { ContractError } from "#mesh/contract";
import { checkSystem, readSystem, type System, type Thoroughness, verifySaga } from "#mesh/verify";
import { readImage } from "./read-image.ts";
import { createLocator } from "./source-lines.ts";
import { compareWith } from "./verify-against.ts";
import { printReport } from "./verify-report.ts";
import { checkTraceFile } from "./verify-trace.ts";
import { writePages } from "./write-pages.ts";

const { values } = parseArgs({
  options: {
    sagas: { type: "string", default: "2" },
    "max-states": { type: "string", default: "5000000" },
    "max-seconds": { type: "string", default: "600" },
    against: { type: "string" },
    drained: { type: "string", multiple: true, default: [] },
    trace: { type: "string" },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    into: { type: "string", default: "." },
  },
});

function wholeNumber(name: "sagas" | "max-states" | "max-seconds"): number {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number > 0) return number;
  throw new RangeError(`--${name} is a whole number from 1 on, not "${values[name]}"`);
}

/** A line to stderr for each 10 000 states, and none for two seconds after one. */
function progress(): Thoroughness["progress"] {
  let next = 10_000;
  let last = Number.NEGATIVE_INFINITY;
  return (sagas, states, visited) => {
    if (visited === 0) next = 10_000;
    if (states < next || performance.now() - last < 2000) return;
    next = states + 10_000;
    last = performance.now();
    console.error(`  ${sagas} at once: ${states} states so far, ${visited} of them looked at`);
  };
}

async function main(): Promise<number> {
  const thoroughness = {
    sagas: wholeNumber("sagas"),
    maxStates: wholeNumber("max-states"),
    maxSeconds: wholeNumber("max-seconds"),
    progress: progress(),
  };
  const image = await readImage();
  const locate = createLocator(image, "proto");
  const system: System = readSystem(createFileRegistry(image));
  if (values.trace !== undefined) return checkTraceFile(values.trace, system);
  const findings = checkSystem(system);
  const verdicts = system.sagas.map((saga) => verifySaga(saga, system, { ...thoroughness, locate }));
  const { against: commit, drained } = values;
  const against =
    commit === undefined ? undefined : await compareWith({ commit, drained }, system, { ...thoroughness, locate });
  printReport({ system, findings, verdicts, against, locate, json: values.json });
  const all = [...verdicts, ...(against?.together ?? [])];
  const faults = [...findings, ...(against?.findings ?? [])];
  const proven = faults.length === 0 && all.every(({ verdict }) => verdict === "proven");
  if (values.write && proven) writePages(values.into, system, verdicts);
  if (proven) return 0;
  return faults.length > 0 || all.some(({ verdict }) => verdict === "violated") ? 1 : 2;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ContractError || error instanceof RangeError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
