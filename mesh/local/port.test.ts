import { expect, test } from "vitest";
import { freePort } from "./port.ts";

test("a program is never given one port twice, though nobody listens there yet", async () => {
  const ports: number[] = [];
  for (let nth = 0; nth < 500; nth++) ports.push(await freePort());
  expect(new Set(ports).size).toBe(500);
});
