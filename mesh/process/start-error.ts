/**
 * A fault of starting that a user can mend: a port in use, a missing program, a wrong variable.
 * The message says what is wrong and how to mend it; it is printed alone, without a stack trace.
 */
export class StartError extends Error {
  override readonly name: string = "StartError";
}
