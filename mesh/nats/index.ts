export { inboxPrefix, type NatsPermissions, type NatsUser, registryUser, renderAccounts } from "./accounts.ts";
export { BrokerFault, type BrokerFaultKind } from "./broker-fault.ts";
export { type Bucket, type BucketFollower, type BucketSpec, openBucket } from "./bucket.ts";
export { type Connection, maintainConnection } from "./connection.ts";
export { apiErrorCode, isForbidden, toBrokerFault } from "./to-broker-fault.ts";
