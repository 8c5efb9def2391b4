export { claimFolder } from "./claim-folder.ts";
export { findNatsServer, natsImage } from "./find-nats-server.ts";
export { type LocalNats, type LocalNatsOptions, localNats } from "./nats.ts";
export { freePort } from "./port.ts";
export { type LocalPostgres, type LocalPostgresOptions, localPostgres } from "./postgres.ts";
export { deleteData as deletePostgresData } from "./postgres-data.ts";
