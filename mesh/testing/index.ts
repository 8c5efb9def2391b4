export { freePort } from "#mesh/local";
export { callSettings, channelUnderTest } from "./call-settings.ts";
export { type EventuallyOptions, eventually } from "./eventually.ts";
export { silentLogger } from "./silent-logger.ts";
export { type ProcessOptions, type RunningProcess, startProcess } from "./start-process.ts";
export { type TestAuthority, testAuthority } from "./test-authority.ts";
export { type TestDatabases, testDatabases, testPostgresUrl } from "./test-database.ts";
export { type TestNats, testNats } from "./test-nats.ts";
export { type VirtualClock, virtualClock } from "./virtual-clock.ts";
