export { type AdminOptions, adminHandlers } from "./handlers.ts";
