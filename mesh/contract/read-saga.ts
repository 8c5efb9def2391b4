import { type DescFile, getOption, hasOption } from "@bufbuild/protobuf";
import { type Counter, type Rule, type Saga, saga as sagaOption } from "#gen/heddle/v1/saga_pb.ts";
import type { SagaContract } from "./contract.ts";
import { createFaults, type Faults } from "./faults.ts";
import { reportUnknownOptions } from "./unknown-options.ts";

/**
 * Reads the saga that a file declares as a whole; undefined when it declares none.
 * Throws a ContractError that lists every fault with file, element and mend.
 */
export function readSaga(file: DescFile): SagaContract | undefined {
  if (!hasOption(file, sagaOption)) return undefined;
  const faults = createFaults();
  const option = getOption(file, sagaOption);
  reportUnknownOptions([file], faults);
  if (!option.name) faults.add(file, "the saga has no name", "set saga.name");
  if (!option.decider) faults.add(file, "nobody decides", 'set saga.decider to a service such as "shop.order"');
  checkRules(file, option, faults);
  for (const counter of option.counters) checkCounter(file, counter, faults);
  faults.throwIfAny();
  const { name, decider, always, atRest, counters } = option;
  return { name, file, decider, always, atRest, counters };
}

function checkRules(file: DescFile, { always, atRest, counters }: Saga, faults: Faults): void {
  const rules: Rule[] = [...always, ...atRest, ...counters.flatMap((counter) => counter.always)];
  for (const { name, cel } of rules) {
    if (!name || !cel) faults.add(file, `the rule "${name || cel}" is incomplete`, "set name and cel");
  }
  if (atRest.length === 0) faults.add(file, "the saga names no legal end", "add a rule at_rest");
}

function checkCounter(file: DescFile, { name, initial }: Counter, faults: Faults): void {
  if (!/^[a-z][a-z0-9_]*$/.test(name)) {
    faults.add(file, `the counter "${name}" has no lower_snake_case name`, 'write a name such as "stock"');
  }
  if (initial < 0 || initial > 100) faults.add(file, `the counter "${name}" begins out of range`, "choose 0 to 100");
}
