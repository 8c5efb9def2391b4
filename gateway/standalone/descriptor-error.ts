import { StartError } from "#mesh/process";

/** Descriptors that cannot be served. The message lists every fault, with the file it is in. */
export class DescriptorError extends StartError {
  override readonly name: string = "DescriptorError";
  readonly faults: readonly string[];

  constructor(origin: string, faults: readonly string[]) {
    super(`${origin} cannot be served:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
    this.faults = faults;
  }
}
