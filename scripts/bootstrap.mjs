// Runs a program of this repository on the right Node with the right packages, from a clean clone on.
//   node scripts/bootstrap.mjs [options of Node] scripts/start.ts [arguments]     a file
//   node scripts/bootstrap.mjs vitest run [arguments]     a program of node_modules/.bin
// Needs nothing but Node 20 or newer and npm: installs the packages of the lockfile when they are missing or stale,
// then runs the program on the Node that the lockfile pins (Linux), or on this one where it is 24 or newer.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const oldestNode = 20;
const pinnedMajor = 24;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const pinnedNode = join(modules, `node-${process.platform}-${process.arch}`, "bin", "node");
const stampFile = join(modules, ".heddle-installed");
const hostMajor = Number.parseInt(process.versions.node, 10);
const signals = ["SIGINT", "SIGTERM", "SIGHUP"];

/** A fault that the user can mend: its message is all that is printed. */
class Fault extends Error {}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function main(words) {
  const programAt = words.findIndex((word) => !word.startsWith("-"));
  const [program, ...args] = programAt < 0 ? [] : words.slice(programAt);
  if (hostMajor < oldestNode) {
    throw new Fault(`Heddle needs Node ${oldestNode} or newer to start, and this is ${process.versions.node}.
Install a newer one from https://nodejs.org/en/download`);
  }
  if (!program) throw new Fault("Usage: node scripts/bootstrap.mjs [options of Node] <file or program> [arguments]");
  await ensurePackages();
  return runProgram(program, args, words.slice(0, programAt));
}

// ---- packages

async function ensurePackages() {
  if (isInstalled()) return;
  const unlock = await lockInstallation();
  try {
    // Another start may have installed while this one waited.
    if (!isInstalled()) await install(unlock.holder);
  } finally {
    unlock();
  }
}

/** Whether node_modules is what the lockfile says. The stamp is written last, so a broken installation has none. */
function isInstalled() {
  if (!existsSync(modules)) return false;
  const stamp = manifestHash();
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return isComplete();
  if (!isComplete() || !matchesLockfile()) return false;
  // Somebody ran npm by hand: as good as ours.
  writeFileSync(stampFile, stamp);
  return true;
}

function isComplete() {
  return existsSync(join(modules, ".package-lock.json"));
}

function manifestHash() {
  const hash = createHash("sha256").update(`${process.platform}-${process.arch}`);
  for (const file of ["package.json", "package-lock.json"]) hash.update(readFileSync(join(root, file)));
  return hash.digest("hex");
}

/** Compares npm's own record of what it installed with the lockfile. */
function matchesLockfile() {
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const present = JSON.parse(readFileSync(join(modules, ".package-lock.json"), "utf8")).packages;
  const known = Object.entries(present).every(([path, { version }]) => wanted[path]?.version === version);
  const missing = Object.entries(wanted).filter(([path]) => path !== "" && !present[path]);
  return known && missing.every(([, entry]) => entry.optional && !fitsHere(entry));
}

function fitsHere({ os, cpu, libc }) {
  const fits = (list, value) => !list || list.includes(value);
  // A package for another libc may be left out; one for this libc only has brothers that are checked the same way.
  return Boolean(os) && fits(os, process.platform) && fits(cpu, process.arch) && !libc;
}

async function install(holder) {
  rmSync(stampFile, { force: true });
  const done = showProgress("Installing packages");
  // Errors only: warnings about the Node that runs npm do not matter, for the programs run on the pinned one.
  const args = ["ci", "--loglevel=error", "--no-audit", "--no-fund", "--include=dev", "--include=optional"];
  const { code, output } = await npm(args, holder);
  done(code === 0);
  if (code !== 0) {
    throw new Fault(
      `${output.trim()}\nThe packages could not be installed (npm ci). Once that is mended, start again.`,
    );
  }
  mkdirSync(modules, { recursive: true });
  writeFileSync(stampFile, manifestHash());
}

/** Runs npm quietly. A signal ends it first, and then us. */
async function npm(args, holder) {
  const script = process.env.npm_execpath;
  const viaNode = script && /\.c?js$/.test(script) && /npm/.test(script);
  const [program, first] = viaNode ? [process.execPath, [script]] : ["npm", []];
  const child = spawn(program, [...first, ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  let ending;
  const stop = (signal) => {
    ending = signal;
    child.kill("SIGTERM");
  };
  for (const signal of signals) process.on(signal, stop);
  child.once("spawn", () => holder.add(child.pid));
  const code = await new Promise((resolve) => {
    child.once("error", (error) => {
      output += `npm cannot be run: ${error.message}\n`;
      resolve(1);
    });
    child.once("close", (exitCode) => resolve(exitCode ?? 1));
  });
  for (const signal of signals) process.off(signal, stop);
  if (ending) {
    holder.release();
    process.exit(128 + constants.signals[ending]);
  }
  return { code, output };
}

/** On a terminal counts the seconds; elsewhere prints one line before and one after. */
function showProgress(text) {
  const begin = Date.now();
  const seconds = () => `${Math.round((Date.now() - begin) / 1000)} s`;
  const terminal = process.stderr.isTTY;
  const timer = terminal && setInterval(() => process.stderr.write(`\r  ${text} … ${seconds()} `), 200);
  if (!terminal) process.stderr.write(`  ${text} …\n`);
  return (good) => {
    if (timer) clearInterval(timer);
    process.stderr.write(`${terminal ? "\r" : ""}${good ? "✓" : "✗"} ${text}: ${seconds()}   \n`);
  };
}

// ---- one installation at a time

/**
 * Waits until no other start installs. The lock lies outside of node_modules, which npm replaces; it names the
 * processes at work and counts as left over when none of them lives.
 */
async function lockInstallation() {
  const name = createHash("sha256").update(root).digest("hex").slice(0, 16);
  const path = join(tmpdir(), `heddle-install-${process.getuid?.() ?? 0}-${name}`);
  for (let told = false; !takeLock(path); ) {
    const workers = lockHolders(path);
    if (workers.length === 0) {
      rmSync(path, { force: true });
      continue;
    }
    if (!told) console.error(`  Another start (process ${workers[0]}) is installing the packages: waiting for it …`);
    told = true;
    await sleep(200);
  }
  const release = () => rmSync(path, { force: true });
  const add = (pid) => writeFileSync(path, `${process.pid} ${pid}`);
  return Object.assign(release, { holder: { add, release } });
}

function takeLock(path) {
  try {
    const file = openSync(path, "wx");
    writeFileSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

function lockHolders(path) {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8").split(" ").map(Number).filter(isRunning);
}

function isRunning(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}

// ---- the program

function runProgram(program, args, nodeOptions) {
  const isFile = /\.[cm]?[jt]s$/.test(program);
  const path = isFile ? join(root, program) : realpathOf(program);
  const script = isFile || isNodeScript(path);
  const command = script ? [nodeForProgram(), ...nodeOptions, path, ...args] : [path, ...args];
  // What Node has compiled once, it and its children need not compile again.
  const compiled = { NODE_COMPILE_CACHE: join(modules, ".cache", "node") };
  const env = { ...compiled, ...process.env, PATH: [join(modules, ".bin"), process.env.PATH].join(delimiter) };
  // Over the channel our own programs notice when this process was killed and cannot pass on signals any more.
  const stdio = isFile ? ["inherit", "inherit", "inherit", "ipc"] : "inherit";
  const child = spawn(command[0], command.slice(1), { stdio, env });
  forwardSignals(child);
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new Fault(`${command[0]} cannot be run: ${error.message}`)));
    child.once("exit", (code, signal) => resolve(signal ? 128 + constants.signals[signal] : code));
  });
}

function realpathOf(program) {
  const path = join(modules, ".bin", program);
  if (!existsSync(path)) throw new Fault(`There is no program ${program} in node_modules/.bin.`);
  return realpathSync(path);
}

function isNodeScript(path) {
  const start = Buffer.alloc(64);
  const file = openSync(path, "r");
  readSync(file, start);
  closeSync(file);
  return /^#!.*\bnode\b/.test(start.toString("latin1").split("\n")[0] ?? "");
}

function nodeForProgram() {
  if (existsSync(pinnedNode)) return pinnedNode;
  if (hostMajor >= pinnedMajor) return process.execPath;
  const here = `${process.platform}-${process.arch}`;
  throw new Fault(`On ${here} Heddle needs Node ${pinnedMajor} or newer, and this is ${process.versions.node}.
Install it from https://nodejs.org/en/download${process.platform === "darwin" ? " or with: brew install node" : ""}`);
}

function forwardSignals(child) {
  for (const signal of signals) {
    process.on(signal, () => {
      // The terminal has sent Ctrl-C to the program as well.
      if (signal === "SIGINT" && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  // npm that is killed passes nothing on: without it nobody could stop the program in the usual way.
  if (!process.env.npm_lifecycle_event) return;
  const before = npmProcess();
  const watch = () => npmProcess() !== before && child.kill("SIGTERM");
  setInterval(watch, 100).unref();
}

/** The process above us that is npm. It may have a shell in between, which outlives it. */
function npmProcess() {
  try {
    const stat = readFileSync(`/proc/${process.ppid}/stat`, "utf8");
    const [, name, grandparent] = /\((.*)\) \S (\d+)/s.exec(stat) ?? [];
    return /^(sh|dash|bash)$/.test(name) ? Number(grandparent) : process.ppid;
  } catch {
    // Not Linux (where shells replace themselves by what they run), or our parent has just ended.
    return process.ppid;
  }
}
