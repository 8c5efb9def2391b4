export { type DataPlaneParts, dataPlaneHandlers } from "./data-plane.ts";
export { type AdminOptions, adminHandlers } from "./handlers.ts";
export { discoveryHandlers } from "./services.ts";
