import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { installPackage } from "#mesh/local";
import { StartError } from "#mesh/process";

const exec = promisify(execFile);

const places = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * Returns the path or name of a Chromium: CHROMIUM_PATH, else one on PATH, else Debian's package, which is installed where
 * that needs no password. Throws a StartError where there is none.
 */
export async function findChromium(say: (line: string) => void): Promise<string> {
  const given = process.env.CHROMIUM_PATH;
  if (given) return given;
  const found = (await installed()) ?? (await installPackage("chromium", { say, installed }));
  if (found !== undefined) return found;
  throw new StartError(`Chromium is missing. Install it with: sudo apt-get install chromium
or set CHROMIUM_PATH to the program of a Chromium or Chrome.`);
}

async function installed(): Promise<string | undefined> {
  for (const name of places) {
    const path = await exec("which", [name]).then(
      ({ stdout }) => stdout.trim(),
      // Not there: the next name.
      () => undefined,
    );
    if (path) return path;
  }
  return undefined;
}
