import { type DescService, type FileRegistry, hasOption } from "@bufbuild/protobuf";
import { participant } from "#gen/heddle/v1/saga_pb.ts";
import { didYouMean } from "#mesh/contract";
import { isMereImport } from "./read-image.ts";
import { selects } from "./selector.ts";

/** Services that every server has for its own sake. They are served when they are named. */
const ownAffairs = ["grpc.reflection.", "grpc.health.", "grpc.channelz.", "grpc.binlog."];

/** Whether a service is meant by selectors of full names; without any: whether it is not the server's own affair. */
export function wantsService(name: string, selectors: readonly string[] | undefined): boolean {
  if (selectors) return selectors.some((selector) => selects(selector, name));
  return !ownAffairs.some((start) => name.startsWith(start));
}

/** Which services to serve. */
export interface ServiceChoice {
  /** Selectors of full names, such as "acme.users.v1.*". Left out: all but those of the server's own affairs. */
  readonly selectors?: readonly string[] | undefined;
  /** Full names that the server lists. Left out: those in files that are not there as imports only. */
  readonly listed?: readonly string[] | undefined;
}

/**
 * Chooses the services to serve. Reactions of Heddle's sagas are never among them: nobody calls those.
 * Adds a fault for each selector that takes in nothing, and for choosing nothing at all.
 */
export function chooseServices(registry: FileRegistry, choice: ServiceChoice, faults: string[]): DescService[] {
  const { selectors, listed } = choice;
  const all = [...registry].filter((type) => type.kind === "service").filter((each) => !hasOption(each, participant));
  const names = all.map(({ typeName }) => typeName);
  for (const selector of selectors ?? []) {
    if (names.some((name) => selects(selector, name))) continue;
    faults.push(`there is no service "${selector}"${didYouMean(selector, names)}`);
  }
  const offered = ({ typeName, file }: DescService) => listed?.includes(typeName) ?? !isMereImport(file.proto);
  const chosen = all.filter((each) => wantsService(each.typeName, selectors) && (selectors || offered(each)));
  if (chosen.length === 0 && !selectors) faults.push("there is no service to serve. Mend: name some by services.");
  return chosen;
}
