import { expect, it } from "vitest";
import { createProgress } from "./progress.ts";

/** Somewhere to write to. */
function screen(isTTY: boolean) {
  const written: string[] = [];
  return { written, out: { isTTY, write: (text: string) => written.push(text) > 0 } };
}

it("draws a bar on a terminal, over itself", () => {
  const { written, out } = screen(true);
  const progress = createProgress(30, 10, out);
  progress.advance(10);
  progress.advance(20);
  progress.clear();
  const erase = "\r\x1b[2K";
  expect(written).toEqual([
    `${erase}[${"#".repeat(10)}${".".repeat(20)}] 10 of 30`,
    `${erase}[${"#".repeat(30)}] 30 of 30`,
    erase,
  ]);
});

it("writes plain lines elsewhere, and nothing where one step is all", () => {
  const { written, out } = screen(false);
  const progress = createProgress(30, 20, out);
  progress.advance(20);
  progress.clear();
  expect(written).toEqual(["20 of 30\n"]);
  const short = screen(true);
  createProgress(20, 20, short.out).advance(20);
  expect(short.written).toEqual([]);
});
