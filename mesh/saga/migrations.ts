import { fileURLToPath } from "node:url";

/** Folder of the migrations that create the saga's tables in a service's database. */
export const sagaMigrations: string = fileURLToPath(new URL("migrations", import.meta.url));
