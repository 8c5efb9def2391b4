export { claimFolder } from "./claim-folder.ts";
export { findNatsServer, natsImage } from "./find-nats-server.ts";
export { installPackage } from "./install-package.ts";
export type { LocalServer } from "./local-server.ts";
export { deleteNatsData, type LocalNatsOptions, localNats } from "./nats.ts";
export { freePort } from "./port.ts";
export { type LocalPostgresOptions, localPostgres } from "./postgres.ts";
export { deletePostgresData } from "./postgres-data.ts";
