import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { GatewayConfig } from "../../gateway/config.ts";
import type { ServerCertificateFiles } from "../../gateway/http/server-certificate.ts";
import type { Report } from "./raw-gateway.fixture.ts";

const program = fileURLToPath(new URL("raw-gateway.fixture.ts", import.meta.url));

/** The gateways that are attacked. */
export interface RawGateway extends AsyncDisposable {
  /** Of the gateway in plaintext, and of that with TLS. */
  readonly urls: readonly [plain: string, secure: string];
  /** Asks the process about itself. Throws with what it wrote when it has ended. */
  report(): Promise<Report>;
}

/** Starts them in a process of their own, which ends with this one. */
export async function startRawGateway(
  config: Partial<GatewayConfig>,
  tls: ServerCertificateFiles,
): Promise<RawGateway> {
  const child = fork(program, [JSON.stringify({ config, tls })], { execArgv: ["--expose-gc"], silent: true });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => (output += data));
  const ended = once(child, "exit").then(([code, signal]) => {
    throw new Error(`the gateway's process has ended with ${code ?? signal}:\n${output}`);
  });
  ended.catch(() => undefined);
  const next = async (): Promise<Report> => (await Promise.race([once(child, "message"), ended]))[0];
  const {
    urls: [plain = "", secure = ""],
  } = await next();
  return {
    urls: [plain, secure],
    report() {
      const answer = next();
      if (child.connected) child.send("report");
      return answer;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended.catch(() => undefined);
    },
  };
}
