import { createFileRegistry } from "@bufbuild/protobuf";
import {
  checkOrder,
  checkSuccession,
  deploymentOrder,
  type Finding,
  type Locate,
  type Precedence,
  readSystem,
  type Subject,
  type System,
  type Thoroughness,
  type Verdict,
  verifyTogether,
} from "#mesh/verify";
import { readImage } from "./read-image.ts";
import { createLocator } from "./source-lines.ts";

/** What can be said of the contracts of a commit and those that follow them. */
export interface Comparison {
  /** What the old instances leave behind and nobody takes up, and orders of deployment that cannot be. */
  readonly findings: readonly Finding[];
  /** Sagas with old and new contracts side by side. */
  readonly together: readonly Verdict[];
  /** Who must be deployed before whom. */
  readonly order: readonly Precedence[];
  /** Where an element of the old contracts is written, as `git show` takes it. */
  readonly locate: Locate;
}

/** With what is compared. */
export interface Former {
  /** Commit whose contracts are deployed. */
  readonly commit: string;
  /** Full names of removed elements of which nothing is left. */
  readonly drained: readonly string[];
}

/**
 * Compares contracts with those of a commit. Sagas that the commit does not have are new altogether.
 * Throws a RangeError for a drained element that is missed nowhere.
 */
export async function compareWith(
  { commit, drained }: Former,
  now: System,
  thoroughness: Thoroughness,
): Promise<Comparison> {
  const image = await readImage(commit);
  const before = readSystem(createFileRegistry(image));
  const found = checkSuccession({ now, before });
  const missed = found.map(({ element }) => nameOf(element));
  const idle = drained.find((name) => !missed.includes(name));
  if (idle !== undefined) throw new RangeError(`--drained ${idle}: nothing of that name is missed against ${commit}`);
  const order = deploymentOrder({ now, before });
  return {
    findings: [
      ...found.filter(({ element }) => !drained.includes(nameOf(element))),
      ...checkOrder(order, { now, before }),
    ],
    together: now.sagas.map((saga) => verifyTogether(saga, { now, before }, thoroughness)),
    order,
    locate: createLocator(image, `${commit}:proto`),
  };
}

/** Full name of an element, as reports give it. */
export function nameOf(element: Subject): string {
  if (element.kind === "file") return "";
  return element.kind === "rpc" ? `${element.parent.typeName}.${element.name}` : element.typeName;
}
