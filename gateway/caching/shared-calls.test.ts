import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { UnaryAnswer } from "#mesh/target";
import { createSharedCalls, type Wait } from "./shared-calls.ts";

const longMs = 60_000;
const answer: UnaryAnswer = { header: {}, message: Buffer.from("x"), trailer: {} };

/** Calls that the test answers. */
function heldCalls() {
  const made: (PromiseWithResolvers<UnaryAnswer> & Wait)[] = [];
  const shared = createSharedCalls();
  const join = (signal = new AbortController().signal, timeoutMs = longMs) =>
    shared.join("key", { signal, timeoutMs }, (wait) => {
      const held = { ...Promise.withResolvers<UnaryAnswer>(), ...wait };
      made.push(held);
      return held.promise;
    });
  return { made, join };
}

test("whoever goes away takes nothing from the others; the last one ends the call", async () => {
  const { made, join } = heldCalls();
  const [first, second] = [new AbortController(), new AbortController()];
  const [one, other] = [join(first.signal), join(second.signal)];
  first.abort("first");
  await expect(one).rejects.toBe("first");
  expect([made.length, made[0]?.signal.aborted]).toEqual([1, false]);
  const third = join();
  made[0]?.resolve(answer);
  expect(await Promise.all([other, third])).toEqual([answer, answer]);
  const alone = join(first.signal);
  await expect(alone).rejects.toBe("first");
  expect([made.length, made[1]?.signal.aborted]).toEqual([2, true]);
  // The next one does not wait for a call that was given up.
  void join().catch(() => undefined);
  expect(made.length).toBe(3);
});

test("a call's error is everybody's, but for a deadline that was another's", async () => {
  const { made, join } = heldCalls();
  const refused = [join(), join()];
  made[0]?.reject(new ConnectError("no", Code.PermissionDenied));
  for (const each of refused) await expect(each).rejects.toMatchObject({ code: Code.PermissionDenied });
  const [first, second] = [join(), join()];
  made[1]?.reject(new ConnectError("late", Code.DeadlineExceeded));
  await expect(first).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  await expect.poll(() => made.length).toBe(3);
  made[2]?.resolve(answer);
  expect(await second).toBe(answer);
});

test("nobody waits longer than his own deadline", async () => {
  const { made, join } = heldCalls();
  const patient = join();
  await expect(join(undefined, 1)).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  made[0]?.resolve(answer);
  expect(await patient).toBe(answer);
});
