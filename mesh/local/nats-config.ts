import type { NatsVersion } from "./find-nats-server.ts";

/** What a configuration depends on. */
export interface NatsConfigOptions {
  version: NatsVersion;
  /** Address to listen on. */
  host: string;
  port: number;
  /** Folder for streams. */
  storeFolder: string;
  /** Who may connect and do what, as renderAccounts writes it. Default: everyone, everything. */
  accounts?: string | undefined;
}

/** Returns the text of a nats-server configuration that its version understands. */
export function natsConfig({ version, host, port, storeFolder, accounts }: NatsConfigOptions): string {
  const [major, minor] = version;
  // Unknown keys stop older servers. 2.9 syncs every two minutes, which the outbox makes up for.
  const since210 = major > 2 || minor >= 10 ? ["  sync_interval: 10s"] : [];
  return `${[
    `listen: ${JSON.stringify(`${host}:${port}`)}`,
    `server_name: "heddle-local"`,
    "max_connections: 1000",
    "max_payload: 1MB",
    "jetstream {",
    `  store_dir: ${JSON.stringify(storeFolder)}`,
    "  max_memory_store: 256MB",
    "  max_file_store: 10GB",
    ...since210,
    "}",
    ...(accounts ? [accounts] : []),
  ].join("\n")}\n`;
}
