export { type AdminOptions, adminHandlers } from "./handlers.ts";
export { discoveryHandlers } from "./services.ts";
