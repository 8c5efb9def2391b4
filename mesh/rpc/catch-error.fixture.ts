import { ConnectError } from "@connectrpc/connect";

/** The ConnectError that a call ends with. Throws when it does not fail, or fails with something else. */
export async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof ConnectError) return outcome;
  throw new Error("the call did not end with a ConnectError", { cause: outcome });
}
