import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { StartError } from "#mesh/process";

const exec = promisify(execFile);
const here = (name: string) => join(import.meta.dirname, name);

/** Folder that keeps what is installed from one run to the next; git ignores it. */
const cache = join(import.meta.dirname, "../../../.data/interop");

/** A server of a language that is installed: how it is run, and what was made for it. */
export interface InstalledServer {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** FileDescriptorSet of its contract, as protoc writes it; undefined for one that only reflects. */
  readonly image?: string;
}

/** Installs grpcio into an environment of its own. Throws a StartError where Python or its packages cannot be had. */
export async function installPython(): Promise<InstalledServer> {
  const folder = join(cache, `python-${hashOf("requirements.txt", "garden.proto")}`);
  const python = join(folder, "bin", "python");
  const image = join(folder, "garden.binpb");
  if (!existsSync(image)) {
    await attempt("the Python server", async () => {
      await exec("python3", ["-m", "venv", folder]);
      await exec(python, ["-m", "pip", "install", "--quiet", "--requirement", here("requirements.txt")]);
      const { stdout: packages } = await exec(python, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]);
      // googleapis-common-protos puts google/api among the packages.
      const paths = [`-I${import.meta.dirname}`, `-I${packages.trim()}`];
      const code = [`--python_out=${folder}`, `--grpc_python_out=${folder}`];
      const set = ["--include_imports", "--include_source_info", `--descriptor_set_out=${image}`];
      await exec(python, ["-m", "grpc_tools.protoc", ...paths, ...code, ...set, here("garden.proto")]);
    });
  }
  return { command: [python, here("garden_server.py"), folder], image };
}

/** Builds the gRPC project's interop server. Throws a StartError where Go or its modules cannot be had. */
export async function installGo(): Promise<InstalledServer> {
  const program = join(cache, `go-${hashOf("go/main.go", "go/go.sum")}`, "server");
  if (!existsSync(program)) {
    await attempt("the Go server", () => exec("go", ["build", "-trimpath", "-o", program, "."], { cwd: here("go") }));
  }
  return { command: [program] };
}

async function attempt(what: string, install: () => Promise<unknown>): Promise<void> {
  mkdirSync(cache, { recursive: true });
  try {
    await install();
  } catch (error) {
    throw new StartError(`${what} cannot be installed: ${error instanceof Error ? error.message : error}`);
  }
}

function hashOf(...names: readonly string[]): string {
  const hash = createHash("sha256");
  for (const name of names) hash.update(readFileSync(here(name)));
  return hash.digest("hex").slice(0, 16);
}
