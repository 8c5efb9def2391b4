import fc from "fast-check";
import { expect, test } from "vitest";
import { Gathered } from "./gathered.ts";

test("what is taken is what was pushed, however it is cut, and stays so", () => {
  const piece = fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.array(fc.tuple(piece, fc.nat(12)), { maxLength: 40 }), (steps) => {
      const gathered = new Gathered();
      const taken: Buffer[] = [];
      for (const [pushed, count] of steps) {
        gathered.push(pushed);
        taken.push(gathered.take(Math.min(count, gathered.length)));
      }
      expect(gathered.peek()).toHaveLength(gathered.length);
      const whole = Buffer.concat([...taken, gathered.take()]);
      expect(whole).toEqual(Buffer.concat(steps.map(([pushed]) => pushed)));
      expect(gathered.length).toBe(0);
    }),
  );
});

test("bytes that come one by one take no more than twice their number", () => {
  const gathered = new Gathered();
  for (let each = 0; each < 100_000; each++) gathered.push(Buffer.from([each]));
  expect(gathered.take().buffer.byteLength).toBeLessThanOrEqual(200_000);
});
