/** A rule that cannot be served: what is wrong with it, and how to mend it. */
export class RuleFault extends Error {
  constructor(problem: string, mend: string) {
    super(`${problem}. Mend: ${mend}.`);
    this.name = "RuleFault";
  }
}
