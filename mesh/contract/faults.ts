import type {
  DescEnum,
  DescEnumValue,
  DescField,
  DescFile,
  DescMessage,
  DescMethod,
  DescService,
} from "@bufbuild/protobuf";
import { StartError } from "#mesh/process";

/** An element of a contract that a fault can point at. */
export type Element = DescService | DescMethod | DescMessage | DescField | DescEnum | DescEnumValue | DescFile;

/** Collects what is wrong with a contract, so that one start shows everything. */
export interface Faults {
  /** Notes a fault: what is wrong, and how to mend it. */
  add(element: Element, problem: string, mend: string): void;
  /** Throws a ContractError when anything was noted. */
  throwIfAny(): void;
}

/** The contract is at odds with itself or with Heddle. The message lists every fault with file, element and mend. */
export class ContractError extends StartError {
  override readonly name = "ContractError";
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the contract has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n${faults.join("\n")}`);
    this.faults = faults;
  }
}

export function createFaults(): Faults {
  const faults: string[] = [];
  return {
    add(element, problem, mend) {
      faults.push(`${fileOf(element).name}.proto: ${nameOf(element)}: ${problem}. Mend: ${mend}.`);
    },
    throwIfAny() {
      if (faults.length > 0) throw new ContractError(faults);
    },
  };
}

function fileOf(element: Element): DescFile {
  if (element.kind === "file") return element;
  if (element.kind === "rpc" || element.kind === "field") return element.parent.file;
  if (element.kind === "enum_value") return element.parent.file;
  return element.file;
}

function nameOf(element: Element): string {
  if (element.kind === "file") return "file";
  if (element.kind === "rpc" || element.kind === "field") return `${element.parent.typeName}.${element.name}`;
  if (element.kind === "enum_value") return `${element.parent.typeName}.${element.name}`;
  return element.typeName;
}
