// Prints "N passed, N failed" over all of vitest's JSON reports in a folder, before it what failed and why. Ends with
// code 1 when a test failed or a run had none.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
const reports = readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")));
const sum = (count) => reports.reduce((total, report) => total + count(report), 0);
// A file that could not even be loaded has no tests that could fail.
const brokenFiles = ({ testResults }) =>
  testResults.filter(({ status, assertionResults }) => status === "failed" && assertionResults.length === 0);
const failedTests = ({ testResults }) =>
  testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === "failed")
      .map(({ fullName, failureMessages }) => ({ name, message: `${fullName}\n${failureMessages.join("\n")}` })),
  );

for (const { name, message } of reports.flatMap((report) => [...failedTests(report), ...brokenFiles(report)])) {
  process.stdout.write(`FAILED ${name}: ${message.slice(0, 2_000)}\n`);
}
const passed = sum((report) => report.numPassedTests);
const failed = sum((report) => report.numFailedTests + brokenFiles(report).length);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
const complete = reports.length > 0 && reports.every((report) => report.numPassedTests > 0);
process.exitCode = failed > 0 || !complete ? 1 : 0;
