import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { installPackage } from "#mesh/local";
import { StartError } from "#mesh/process";
import { installOnce } from "../install.ts";

const exec = promisify(execFile);

const grpcurlVersion = "v1.9.4";

/** Builds grpcurl, and returns its program. Throws a StartError where Go or its modules cannot be had. */
export async function installGrpcurl(): Promise<string> {
  const folder = await installOnce("grpcurl", grpcurlVersion, (folder) => {
    const env = { ...process.env, GOBIN: folder, GOFLAGS: "-trimpath" };
    const module = `github.com/fullstorydev/grpcurl/cmd/grpcurl@${grpcurlVersion}`;
    return exec("go", ["install", module], { env, timeout: 600_000 });
  });
  return join(folder, "grpcurl");
}

/**
 * Returns the program of a curl that speaks HTTP/2: the one on PATH, else the system's package, which is installed where
 * that needs no password. Throws a StartError where there is none.
 */
export async function installCurl(): Promise<string> {
  const say = (line: string) => console.log(line);
  const found = (await curlOnPath()) ?? (await installPackage("curl", { say, installed: curlOnPath }));
  if (found === undefined) throw new StartError("a curl with HTTP/2 is missing. Install it with: apt-get install curl");
  return found;
}

async function curlOnPath(): Promise<string | undefined> {
  const version = await exec("curl", ["--version"]).then(
    ({ stdout }) => stdout,
    // Not there.
    () => "",
  );
  return version.includes("HTTP2") ? "curl" : undefined;
}
