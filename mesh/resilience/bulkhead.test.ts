import fc from "fast-check";
import { expect, it } from "vitest";
import { createBulkhead } from "./bulkhead.ts";

const limits = { maxConcurrent: 2, maxQueue: 1, maxWaitMs: 1000 };

function entered(bulkhead: ReturnType<typeof createBulkhead>): () => void {
  const answer = bulkhead.enter();
  return answer.kind === "entered" ? answer.release : expect.fail(`it is ${answer.kind}`);
}

it("lets so many in, has so many wait, and refuses the others", () => {
  const bulkhead = createBulkhead(limits);
  entered(bulkhead);
  entered(bulkhead);
  expect(bulkhead.enter().kind).toBe("queued");
  expect(bulkhead.enter().kind).toBe("full");
  expect(bulkhead.snapshot()).toEqual({ underWay: 2, waiting: 1 });
});

it("hands a place on to the one who waits longest; giving it back twice changes nothing", async () => {
  const bulkhead = createBulkhead(limits);
  const release = entered(bulkhead);
  entered(bulkhead);
  const waiting = bulkhead.enter();
  if (waiting.kind !== "queued") throw new Error("nobody waits");
  release();
  release();
  const next = await waiting.ticket.entered;
  expect(bulkhead.snapshot()).toEqual({ underWay: 2, waiting: 0 });
  next();
  expect(bulkhead.snapshot()).toEqual({ underWay: 1, waiting: 0 });
});

it("lets someone leave the queue, unless a place came first", async () => {
  const bulkhead = createBulkhead({ ...limits, maxConcurrent: 1 });
  const release = entered(bulkhead);
  const first = bulkhead.enter();
  if (first.kind !== "queued") throw new Error("nobody waits");
  expect(first.ticket.leave()).toBe(true);
  const second = bulkhead.enter();
  if (second.kind !== "queued") throw new Error("nobody waits");
  release();
  expect(second.ticket.leave()).toBe(false);
  (await second.ticket.entered)();
  expect(bulkhead.snapshot()).toEqual({ underWay: 0, waiting: 0 });
});

it("never lets more in than there are places, and loses none", async () => {
  const actions = fc.array(fc.constantFrom("enter", "enter", "release", "leave"), { maxLength: 80 });
  await fc.assert(
    fc.asyncProperty(actions, async (story) => {
      const bulkhead = createBulkhead({ maxConcurrent: 3, maxQueue: 4, maxWaitMs: 1 });
      const releases: (() => void)[] = [];
      const leaves: (() => boolean)[] = [];
      for (const action of story) {
        if (action === "enter") {
          const answer = bulkhead.enter();
          if (answer.kind === "entered") releases.push(answer.release);
          if (answer.kind === "queued") {
            leaves.push(answer.ticket.leave);
            void answer.ticket.entered.then((release) => releases.push(release));
          }
        }
        if (action === "release") releases.shift()?.();
        if (action === "leave") leaves.shift()?.();
        await Promise.resolve();
        const { underWay, waiting } = bulkhead.snapshot();
        expect(underWay).toBeLessThanOrEqual(3);
        expect(underWay).toBe(releases.length);
        if (waiting > 0) expect(underWay).toBe(3);
      }
    }),
  );
});
