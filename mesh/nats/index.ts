export { BrokerFault, type BrokerFaultKind } from "./broker-fault.ts";
export { type Bucket, type BucketFollower, type BucketSpec, openBucket } from "./bucket.ts";
export { type Connection, maintainConnection } from "./connection.ts";
export { apiErrorCode, toBrokerFault } from "./to-broker-fault.ts";
