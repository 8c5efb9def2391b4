import type { Bound, Finding, Locate, Subject, System, Verdict } from "#mesh/verify";
import { type Comparison, nameOf } from "./verify-against.ts";

/** What a run of the verifier has to say. */
export interface Report {
  readonly system: System;
  /** What concerns no single saga. */
  readonly findings: readonly Finding[];
  readonly verdicts: readonly Verdict[];
  /** The comparison with the contracts of a commit, where one was asked for. */
  readonly against: Comparison | undefined;
  readonly locate: Locate;
  readonly json: boolean;
}

/** Prints a report for people, or as one JSON document. */
export function printReport(report: Report): void {
  if (report.json) {
    console.log(JSON.stringify(toJson(report), undefined, 2));
    return;
  }
  for (const finding of report.findings) printFinding(finding, report.locate);
  for (const verdict of report.verdicts) {
    printVerdict(verdict, report.locate);
    if (verdict.verdict === "proven") printProof(verdict);
  }
  if (report.against) printComparison(report.against, report.locate);
  const events = report.system.contracts.reduce((sum, contract) => sum + contract.events.size, 0);
  if (report.findings.length === 0)
    console.log(`✓ all ${events} events have an announcer, and a consumer or are public`);
}

function printComparison({ findings, together, order, locate: locateBefore }: Comparison, locate: Locate): void {
  console.log("Old and new contracts side by side, each step taken by either:");
  for (const finding of findings) printFinding(finding, finding.before ? locateBefore : locate);
  for (const verdict of together) printVerdict(verdict, locate);
  for (const { consumer, announcer, events } of order) {
    console.log(`  deploy ${consumer} before ${announcer}: ${events.join(", ")} would not reach it otherwise`);
  }
  if (findings.length === 0) console.log("✓ what old instances leave behind is taken up");
}

const mends: Readonly<Record<Bound, string>> = {
  states: "raise --max-states",
  time: "raise --max-seconds",
  "states of one instance": "one instance has more states than the search tells apart; split the saga",
};

function printVerdict(verdict: Verdict, locate: Locate): void {
  const { name, model, runs, findings } = verdict;
  const sign = { proven: "✓", violated: "✗", "not exhausted": "?" }[verdict.verdict];
  const people = model.participants.map(({ alias }) => alias).join(", ");
  console.log(`${sign} saga ${name} (${people}): ${verdict.verdict}`);
  for (const { sagas, states, ms, bound } of runs) {
    const stopped = bound ? `, NOT EXHAUSTED: ${mends[bound]}` : "";
    console.log(`  ${sagas} at once: ${states} states in ${(ms / 1000).toFixed(2)} s${stopped}`);
  }
  for (const finding of findings) printFinding(finding, locate);
}

function printProof(verdict: Verdict): void {
  const { deliveries, withoutInbox } = verdict;
  for (const property of propertiesOf(verdict)) console.log(`  proven: ${property}`);
  const critical = deliveries
    .filter((delivery) => delivery.critical)
    .map(({ consumer, event }) => `${consumer}←${event}`);
  console.log(`  critical deliveries: ${critical.join(", ") || "none"}`);
  console.log(`  without the inbox ${withoutInbox.length} things would go wrong, so duplicates are taken in once`);
}

/** What is known of a proven saga. */
export function propertiesOf({ model: { saga } }: Verdict): string[] {
  const named = [...saga.always, ...saga.atRest, ...saga.counters.flatMap(({ always }) => always)];
  return [
    "every event and every result finds a declared reception, in any order and at any delay",
    "every run comes to rest with all participants done",
    ...named.map(({ name }) => name),
    "nothing is undone after the pivot; every state and every move can come about",
  ];
}

function printFinding({ check, problem, element, mend, story }: Finding, locate: Locate): void {
  console.log(`✗ ${check}: ${problem}`);
  console.log(`  at ${place(element, locate)}${mend ? `. Mend: ${mend}.` : ""}`);
  if (!story) return;
  for (const [index, line] of story.lines.entries()) console.log(`  ${String(index + 1).padStart(2)}. ${line}`);
  console.log(`\n\`\`\`mermaid\n${story.mermaid}\n\`\`\`\n`);
}

/** Where an element is written, and its full name. */
export function place(element: Subject, locate: Locate): string {
  const file =
    element.kind === "file" ? element.name : element.kind === "rpc" ? element.parent.file.name : element.file.name;
  const typeName = nameOf(element);
  return `${locate({ typeName, file })} ${typeName}`.trimEnd();
}

function toJson({ findings, verdicts, against, locate }: Report) {
  const plain = ({ element, before, ...finding }: Finding) => ({
    ...finding,
    at: place(element, before && against ? against.locate : locate),
  });
  return {
    findings: findings.map(plain),
    sagas: verdicts.map((verdict) => ({
      name: verdict.name,
      verdict: verdict.verdict,
      runs: verdict.runs,
      findings: verdict.findings.map(plain),
      deliveries: verdict.deliveries.map(({ trigger: _, ...delivery }) => delivery),
      proven: verdict.verdict === "proven" ? propertiesOf(verdict) : [],
      withoutInbox: verdict.withoutInbox,
    })),
    ...(against && {
      against: {
        findings: against.findings.map(plain),
        order: against.order,
        sagas: against.together.map(({ name, verdict, runs, findings: found }) => ({
          name,
          verdict,
          runs,
          findings: found.map(plain),
        })),
      },
    }),
  };
}
