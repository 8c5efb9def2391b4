export { createDatabase, type Database, type DatabaseOptions, meshMigrations } from "./database.ts";
export type { Lane } from "./lane.ts";
export { lockSpace } from "./migrate.ts";
export { driverError, isUnavailable, isUniqueViolation } from "./postgres-fault.ts";
export { closeAdminDatabases, ensureServiceRole, type ServiceRole, serviceRoleScript } from "./service-role.ts";
export { afterCommit, type Transaction } from "./transaction.ts";
