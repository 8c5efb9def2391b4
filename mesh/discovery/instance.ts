import { z } from "zod";

/** One running process of a service, as those who call it see it. */
export interface Instance {
  /** Tells it from all others, also from its predecessor at the same address, whose id is less. */
  readonly id: string;
  /** Such as "shop.order". */
  readonly service: string;
  /** host:port. */
  readonly address: string;
  /** Version of the software; "" where nobody says. */
  readonly version: string;
  /** Where it runs; "" where nobody says. */
  readonly zone: string;
  /** Share of the calls that it should get next to others, from 1 to 1000. */
  readonly weight: number;
  /** Hash of the contracts that it serves; "" where nobody says. */
  readonly schemaHash: string;
  /** "draining" takes no new calls, but finishes those that it has. */
  readonly state: "serving" | "draining";
  /** How busy its event loop was lately, from 0 to 1; undefined where nobody says. */
  readonly load?: number | undefined;
}

const instance = z.object({
  id: z.string().min(1),
  service: z.string().min(1),
  address: z.string().min(1),
  version: z.string(),
  zone: z.string(),
  weight: z.number().int().min(1).max(1000),
  schemaHash: z.string(),
  state: z.enum(["serving", "draining"]),
  load: z.number().min(0).max(1).optional(),
});

/** Reads an instance from JSON. Throws an Error for what is none; members that a newer version has added are dropped. */
export function parseInstance(json: Uint8Array): Instance {
  return Object.freeze(instance.parse(JSON.parse(Buffer.from(json).toString("utf8"))));
}

/** An instance of which nothing but its address is known. */
export function bareInstance(service: string, address: string): Instance {
  return Object.freeze({ ...unknown, id: address, service, address });
}

const unknown = { version: "", zone: "", weight: 1, schemaHash: "", state: "serving" } as const;
