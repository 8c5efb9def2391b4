import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { hashOf, installGrpcio, installOnce } from "../install.ts";

const exec = promisify(execFile);
const here = (name: string) => join(import.meta.dirname, name);

/** A server of a language that is installed: how it is run, and what was made for it. */
export interface InstalledServer {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** FileDescriptorSet of its contract, as protoc writes it; undefined for one that only reflects. */
  readonly image?: string;
}

/** Installs grpcio and generates its code. Throws a StartError where Python or its packages cannot be had. */
export async function installPython(): Promise<InstalledServer> {
  const python = await installGrpcio();
  const proto = here("garden.proto");
  const folder = await installOnce("garden-server", hashOf(here("requirements.txt"), proto), async (folder) => {
    const { stdout: packages } = await exec(python, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]);
    // googleapis-common-protos puts google/api among the packages.
    const paths = [`-I${import.meta.dirname}`, `-I${packages.trim()}`];
    const code = [`--python_out=${folder}`, `--grpc_python_out=${folder}`];
    const set = ["--include_imports", "--include_source_info", `--descriptor_set_out=${join(folder, "garden.binpb")}`];
    await exec(python, ["-m", "grpc_tools.protoc", ...paths, ...code, ...set, proto]);
  });
  return { command: [python, here("garden_server.py"), folder], image: join(folder, "garden.binpb") };
}

/** Builds the gRPC project's interop server. Throws a StartError where Go or its modules cannot be had. */
export async function installGo(): Promise<InstalledServer> {
  const folder = await installOnce("go-server", hashOf(here("go/main.go"), here("go/go.sum")), (folder) =>
    exec("go", ["build", "-trimpath", "-o", join(folder, "server"), "."], { cwd: here("go"), timeout: 600_000 }),
  );
  return { command: [join(folder, "server")] };
}
