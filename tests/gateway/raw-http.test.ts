import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, type TestAuthority, testAuthority } from "#mesh/testing";
import { callHttp2 } from "../../gateway/feed.fixture.ts";
import { defaultClientLimits } from "../../gateway/http/client-limits.ts";
import { call } from "../../gateway/library.fixture.ts";
import { isAnswered, readAnswers } from "./raw-answers.fixture.ts";
import { type RawCase, type RawConnection, sendRaw } from "./raw-connection.fixture.ts";
import { isAnswered as isHttp2Answered, readFrames } from "./raw-frames.fixture.ts";
import type { Report } from "./raw-gateway.fixture.ts";
import { rawHttp1 } from "./raw-http1.fixture.ts";
import { rawHttp2 } from "./raw-http2.fixture.ts";
import { type RawGateway, startRawGateway } from "./raw-process.fixture.ts";
import { request } from "./raw-request.fixture.ts";

// What no client should send, made up at random, against a gateway in a process of its own. RAW_HTTP_RUNS says by how
// many connections, of each version; RAW_HTTP_SEED repeats them.
const runs = Number(process.env.RAW_HTTP_RUNS ?? 1_000);
const seed = Number(process.env.RAW_HTTP_SEED ?? Date.now() % 2 ** 31);

// Short, so that what a client leaves half done is over within the test.
const clients = { ...defaultClientLimits, headTimeoutMs: 1_000, bodyTimeoutMs: 1_000, stallTimeoutMs: 1_000 };

/**
 * How much more memory may be in use after thousands of connections than after the first hundreds: what V8 has compiled
 * in between, and pools that grow to their size. Of a connection that stays, its parser, session and buffers take 10 KiB
 * at least: of two thousand, more than twice this.
 */
const marginBytes = 8 * 1024 * 1024;

/** Until nothing of a flood is left, on two slow cores. */
const patience = { timeoutMs: 60_000 };

let authority: TestAuthority;
let gateway: RawGateway;
let warmBytes: number;
beforeAll(async () => {
  console.log(`RAW_HTTP_SEED=${seed} RAW_HTTP_RUNS=${runs}`);
  authority = await testAuthority();
  const tls = authority.write(await authority.issue("spiffe://heddle.local/edge"));
  gateway = await startRawGateway({ clients }, tls);
  for (const [, version, which] of attacks) {
    await attack(gateway.urls[which], version, fc.sample(version.cases, { seed: seed + 1, numRuns: 150 }));
  }
  await expectGoodService();
  warmBytes = (await reportAtRest((bytes, last) => Math.abs(bytes - last) < 256 * 1024)).bytes;
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  authority?.[Symbol.dispose]();
});

interface Version extends Omit<RawConnection, "url" | "isAnswered"> {
  readonly cases: fc.Arbitrary<RawCase>;
  isAnswered(received: Buffer, sent: RawCase): boolean;
  /** Throws for what no server may say. */
  check(received: Buffer, sent: RawCase): void;
}

const mentionsHead = ({ pieces }: RawCase) => Buffer.concat(pieces).includes("HEAD");
const http1: Version = {
  alpn: "http/1.1",
  cases: rawHttp1,
  isAnswered: (received, sent) => isAnswered(received, mentionsHead(sent)),
  check: (received, sent) => readAnswers(received, { toHead: mentionsHead(sent) }),
};
// What does not begin as HTTP/2 is taken for HTTP/1.1.
const isHttp1 = (received: Buffer) => received.subarray(0, 5).toString("latin1") === "HTTP/";
const http2: Version = {
  alpn: "h2",
  cases: rawHttp2,
  isAnswered: (received) => isHttp1(received) || isHttp2Answered(received),
  check: (received) => (isHttp1(received) ? readAnswers(received, { toHead: false }) : readFrames(received)),
};

/** Sends cases, so many at a time, each over its own connection. Throws the first fault, with its case. */
async function attack(url: string, version: Version, cases: readonly RawCase[]): Promise<void> {
  const left = cases[Symbol.iterator]();
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      for (const sent of left) {
        try {
          const isAnswered = (received: Buffer) => version.isAnswered(received, sent);
          version.check(await sendRaw(sent, { url, alpn: version.alpn, isAnswered }), sent);
        } catch (cause) {
          throw new Error(`${cause instanceof Error ? cause.message : cause}\nto ${sent.about}`, { cause });
        }
      }
    }),
  );
}

async function expectGoodService(): Promise<void> {
  const [plain, secure] = gateway.urls;
  const path = "GET /v1/books/7";
  // Just after a flood, calls may still be shed (503).
  await eventually(async () => {
    expect((await call(plain, path)).status).toBe(200);
    expect((await callHttp2(plain, path)).status).toBe(200);
  }, patience);
  const sent = { about: path, pieces: [Buffer.from(request(path))], ending: "wait" } as const;
  const how = { url: secure, alpn: "http/1.1", isAnswered: (data: Buffer) => isAnswered(data, false) } as const;
  await eventually(async () => {
    expect(readAnswers(await sendRaw(sent, how), { toHead: false })[0]?.status).toBe(200);
  }, patience);
}

/** Asks until no connection is open, and what is in use is near to what it was; answers with all that was seen meanwhile. */
async function reportAtRest(isNear: (bytes: number, last: number) => boolean): Promise<Report> {
  let report = await gateway.report();
  const faults = [...report.faults];
  const statuses = { ...report.statuses };
  const ask = async () => {
    const last = report.bytes;
    report = await gateway.report();
    faults.push(...report.faults);
    for (const [status, count] of Object.entries(report.statuses)) statuses[status] = (statuses[status] ?? 0) + count;
    expect([report.connections, isNear(report.bytes, last)]).toEqual([0, true]);
  };
  await eventually(ask, patience);
  return { ...report, faults, statuses };
}

const attacks = [
  ["HTTP/1.1", http1, 0, runs],
  ["HTTP/2", http2, 0, runs],
  ["HTTP/1.1 over TLS", http1, 1, Math.ceil(runs / 5)],
  ["HTTP/2 over TLS", http2, 1, Math.ceil(runs / 5)],
] as const;

test.each(attacks)(
  "%s of any kind is answered well or not at all, and leaves nothing behind",
  async (_, version, which, count) => {
    const cases = fc.sample(version.cases, { seed, numRuns: count });
    for (let from = 0; from < count; from += 250) {
      await attack(gateway.urls[which], version, cases.slice(from, from + 250));
      await expectGoodService();
    }
    const { faults, statuses } = await reportAtRest((bytes) => bytes < warmBytes + marginBytes);
    expect(faults).toEqual([]);
    expect(Object.keys(statuses)).toEqual(expect.arrayContaining(["200", "499"]));
  },
  300_000,
);
