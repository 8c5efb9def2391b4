/**
 * Awaits statements of one transaction that were sent together. Unlike Promise.all it returns only when all have ended,
 * so that none is sent after the rollback, and it throws the error that came first: the later ones only say that the
 * transaction was aborted.
 */
export async function pipelined(statements: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  const errors: unknown[] = [];
  await Promise.all(statements.map((statement) => statement?.catch((error: unknown) => errors.push(error))));
  if (errors.length > 0) throw errors[0];
}
