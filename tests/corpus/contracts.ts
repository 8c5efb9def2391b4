import { createFileRegistry } from "@bufbuild/protobuf";
import type { Contract } from "#mesh/contract";
import { readSystem } from "#mesh/verify";
import { readImage } from "../../scripts/read-image.ts";

/** The contracts of all services that announce events, by name, as proto/ says. */
export async function readContracts(): Promise<ReadonlyMap<string, Contract>> {
  const { contracts } = readSystem(createFileRegistry(await readImage()));
  const announcing = contracts.filter(({ events }) => events.size > 0);
  return new Map(announcing.map((contract) => [contract.name, contract]));
}
