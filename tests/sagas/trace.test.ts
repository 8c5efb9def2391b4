import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildModel, createCheckTrace, type RecordedMove, type TraceFaultKind, type TraceVerdict } from "#mesh/verify";
import { changeTimer, prove } from "./mutant.fixture.ts";
import { allSignatures, atWillEvent, beginning, choices, isOver, signature, type Walk } from "./walk.fixture.ts";

const { system } = prove(() => undefined, { sagas: 1 });
const checks = system.sagas.map((saga) => createCheckTrace(buildModel(saga, system.contracts)));

function check(moves: readonly RecordedMove[]): TraceVerdict {
  const [checkTrace] = checks;
  if (!checkTrace) throw new Error("the contracts declare no saga");
  return checkTrace(moves);
}

/** Follows choices until they are used up or nothing may happen any more. */
function follow(numbers: readonly number[], from = beginning): Walk {
  return numbers.reduce((walk, number) => {
    const possible = choices(walk);
    return possible[number % possible.length]?.walk ?? walk;
  }, from);
}

/** The order that goes well, by the names of the rpcs that move it. */
const happy = walkBy([
  "PlaceOrder",
  "OnOrderPlaced RESERVED",
  "OnStockReserved",
  "Authorise AUTHORISED",
  "OnPaymentAuthorised",
  "OnOrderConfirmed COMMITTED",
  "OnOrderConfirmed CAPTURING",
  "Capture",
  "OnStockCommitted",
  "OnPaymentCaptured CREATED",
]);

/** An order that is cancelled while its money is being asked for. */
const cancelled = walkBy([
  "PlaceOrder",
  "OnOrderPlaced RESERVED",
  "OnStockReserved",
  "CancelOrder",
  "OnOrderCancelled RELEASED",
  "OnOrderCancelled VOIDING",
  "Void",
]);

function walkBy(steps: readonly string[]): readonly RecordedMove[] {
  const walk = steps.reduce((before, step) => {
    const [rpc, to = ""] = step.split(" ");
    const found = choices(before).find(({ walk: { moves } }) => {
      const last = moves.length > before.moves.length ? moves.at(-1) : undefined;
      return last?.rpc.endsWith(`.${rpc}`) && last.to.endsWith(to);
    });
    if (!found) throw new Error(`${step} is not possible; the contract has changed`);
    return found.walk;
  }, beginning);
  return walk.moves;
}

const walks = fc.array(fc.nat(), { maxLength: 40 }).map((numbers) => follow(numbers));

const all = [...happy, ...cancelled];
const fromAll = <K extends keyof RecordedMove>(field: K) => fc.constantFrom(...all.map((move) => move[field]));

/** Values that some move of some order has, in a move that may be of another. */
const strayValue = fc.oneof(
  fc.record({ service: fromAll("service") }),
  fc.record({ version: fc.nat({ max: 5 }) }),
  fc.record({ from: fromAll("from") }),
  fc.record({ to: fromAll("to") }),
  fc.record({ rpc: fromAll("rpc") }),
  fc.record({ eventType: fromAll("eventType") }),
  fc.record({ eventId: fromAll("eventId") }),
  fc.record({ announced: fromAll("announced") }),
);

/** Ways to change one thing about a trace. */
const corruptions = fc
  .tuple(fc.nat(), fc.oneof(strayValue, fc.constantFrom("left out" as const, "twice" as const)))
  .map(([number, how]) => (moves: readonly RecordedMove[]): readonly RecordedMove[] => {
    const index = number % Math.max(moves.length, 1);
    const move = moves[index];
    if (!move) return moves;
    if (how === "left out") return moves.toSpliced(index, 1);
    return how === "twice" ? [...moves, move] : moves.with(index, { ...move, ...how });
  });

/** Changes one move of a trace. */
function change(
  moves: readonly RecordedMove[],
  rpc: string,
  values: Partial<RecordedMove> | ((move: RecordedMove) => Partial<RecordedMove>),
): readonly RecordedMove[] {
  const index = moves.findIndex((move) => move.rpc.endsWith(`.${rpc}`));
  const move = moves[index];
  if (!move) throw new Error(`no move by ${rpc}`);
  return moves.with(index, { ...move, ...(typeof values === "function" ? values(move) : values) });
}

function without(moves: readonly RecordedMove[], rpc: string): readonly RecordedMove[] {
  return moves.filter((move) => !move.rpc.endsWith(`.${rpc}`));
}

describe("a trace that the model contains", () => {
  it("is complete when every participant has come to its end", () => {
    expect(check(happy)).toEqual({ outcome: "complete" });
    expect(check(cancelled)).toEqual({ outcome: "complete" });
  });

  it("is partial before, and names what is to come", () => {
    expect(check(happy.slice(0, 6))).toEqual({
      outcome: "partial",
      missing: [
        "payment is AUTHORISED and waits for OnOrderConfirmed",
        "shipping is NONE and waits for OnStockCommitted",
      ],
    });
    expect(check([])).toEqual({ outcome: "partial", missing: ["no move is recorded"] });
  });

  it("may announce what its contract lists besides, and as often as there is reason to", () => {
    const announced = ["shop.inventory.v1.StockReserved", atWillEvent, atWillEvent];
    expect(check(change(happy, "OnOrderPlaced", { announced }))).toEqual({ outcome: "complete" });
  });

  it("is found in whatever order the services tell it, and by whatever clocks", () => {
    const shuffled = fc.shuffledSubarray([...happy], { minLength: happy.length });
    const clocks = fc.array(fc.nat(), { minLength: happy.length, maxLength: happy.length });
    fc.assert(
      fc.property(shuffled, clocks, (moves, times) => {
        const told = moves.map((move, index) => ({ ...move, at: new Date(times[index] ?? 0) }));
        expect(check(told)).toEqual({ outcome: "complete" });
      }),
    );
  });

  it("is every walk, and complete when nothing is to come", () => {
    fc.assert(
      fc.property(walks, (walk) => {
        const expected = isOver(walk) && walk.moves.length > 0 ? "complete" : "partial";
        expect(check(walk.moves).outcome).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a trace that the model does not contain", () => {
  const other = "0199-other";
  const wrong: [
    title: string,
    moves: readonly RecordedMove[],
    kind: TraceFaultKind,
    said: [rpc: string, problem: string],
  ][] = [
    [
      "a move of another order",
      change(happy, "Capture", { key: other }),
      "foreign move",
      ["Capture", "a move of checkout/0199-other stands in the trace of checkout/order-1"],
    ],
    [
      "an rpc that moves nothing",
      change(happy, "OnOrderPlaced", { rpc: "shop.inventory.reactions.v1.InventoryReactionService.OnProductCreated" }),
      "undeclared move",
      [
        "OnProductCreated",
        "declares no rpc shop.inventory.reactions.v1.InventoryReactionService.OnProductCreated that moves",
      ],
    ],
    [
      "a service that plays no part",
      change(happy, "OnOrderPlaced", { service: "shop.catalog" }),
      "undeclared move",
      ["OnOrderPlaced", "shop.catalog declares no rpc"],
    ],
    [
      "a move to the wrong state",
      change(happy, "OnOrderPlaced", { to: "COMMITTED" }),
      "undeclared move",
      ["OnOrderPlaced", "OnOrderPlaced declares no move from NONE to COMMITTED"],
    ],
    [
      "an event that the move does not declare",
      change(happy, "Capture", ({ announced }) => ({ announced: [...announced, "shop.payment.v1.PaymentVoided"] })),
      "undeclared event",
      ["Capture", "Capture announced shop.payment.v1.PaymentVoided"],
    ],
    [
      "an event announced twice by one step",
      change(happy, "Capture", ({ announced }) => ({ announced: [...announced, ...announced] })),
      "undeclared event",
      ["Capture", "Capture announced shop.payment.v1.PaymentCaptured"],
    ],
    [
      "an event that was kept back",
      change(happy, "OnOrderPlaced", { announced: [] }),
      "event missing",
      ["OnOrderPlaced", "declares shop.inventory.v1.StockReserved for the move from NONE to RESERVED"],
    ],
    [
      "another cause than the declared one",
      change(happy, "OnStockReserved", { eventType: "shop.order.v1.OrderPlaced" }),
      "wrong cause",
      ["OnStockReserved", "took in shop.order.v1.OrderPlaced, and its contract names shop.inventory.v1.StockReserved"],
    ],
    [
      "a command with an event for a cause",
      change(happy, "PlaceOrder", { eventType: "shop.order.v1.OrderPlaced", eventId: other }),
      "wrong cause",
      ["PlaceOrder", "its contract names none"],
    ],
    [
      "an event without an id",
      change(happy, "OnStockReserved", { eventId: undefined }),
      "wrong cause",
      ["OnStockReserved", "without an id"],
    ],
    [
      "a step that is not recorded",
      without(happy, "Authorise"),
      "version gap",
      ["OnOrderConfirmed", "recorded the step 3 where the step 2 is due"],
    ],
    [
      "a step that is recorded twice",
      [...happy, ...happy.slice(0, 1)],
      "version gap",
      ["PlaceOrder", "recorded the step 1 where the step 2 is due"],
    ],
    [
      "a gap between two states",
      change(happy, "Authorise", { to: "DECLINED", announced: ["shop.payment.v1.PaymentDeclined"] }),
      "state gap",
      ["OnOrderConfirmed", "shop.payment was in DECLINED, and the move leaves AUTHORISED"],
    ],
    [
      "a state that no recorded move has led to",
      change(cancelled, "OnStockReserved", { to: "CANCELLED_EARLY" }),
      "undeclared move",
      ["OnStockReserved", "declares no move from NONE to CANCELLED_EARLY"],
    ],
    [
      "a first step from another state than NONE",
      change(happy, "PlaceOrder", { from: "PENDING" }),
      "undeclared move",
      ["PlaceOrder", "declares no move from PENDING"],
    ],
    [
      "an event that nobody has announced",
      happy.filter(({ service }) => service !== "shop.inventory"),
      "event not announced",
      ["OnStockReserved", "took in shop.inventory.v1.StockReserved in NONE, and nobody had announced it"],
    ],
    [
      "two steps that wait for each other",
      happy
        .filter(({ rpc }) => !rpc.endsWith(".PlaceOrder"))
        .map((move) => (move.service === "shop.order" ? { ...move, version: 1 } : move)),
      "state gap",
      ["OnPaymentAuthorised", "was in NONE, and the move leaves PENDING"],
    ],
    [
      "an event that one service took in twice",
      [...happy, ...happy.slice(6, 7).map((move) => ({ ...move, version: 5 }))],
      "event taken in twice",
      ["OnOrderConfirmed", "shop.payment took in the event event-4 twice"],
    ],
    [
      "one announcement taken in under two ids",
      cancelled.map((move) => (move.to === "VOIDING" ? { ...move, eventId: other } : move)),
      "event not announced",
      ["OnOrderCancelled", "taken in under 2 ids and announced 1 times"],
    ],
    [
      "one event taken in as two",
      happy.map((move) => (move.rpc.endsWith(".OnStockReserved") ? { ...move, eventId: happy[1]?.eventId } : move)),
      "wrong cause",
      ["OnStockReserved", "was taken in as shop.order.v1.OrderPlaced and as shop.inventory.v1.StockReserved"],
    ],
  ];

  it.each(wrong)("has %s", (_title, moves, kind, [rpc, problem]) => {
    const verdict = check(moves);
    if (verdict.outcome !== "refused") throw new Error(`it is ${verdict.outcome}`);
    expect(verdict.fault).toMatchObject({ kind, problem: expect.stringContaining(problem) });
    expect(verdict.fault.move.rpc).toMatch(new RegExp(`\\.${rpc}$`));
  });

  it("has a step of time that was not due", () => {
    // A deadline that leaves its state as it is fires once, and no proof lets it pass.
    const { system: endless } = prove(
      (c) =>
        changeTimer(c, ["order/reactions", "OnDeadline"], ({ moves }) =>
          Object.assign(moves[0] ?? {}, { to: "PENDING" }),
        ),
      { sagas: 1 },
    );
    const [placed, expired] = walkBy(["PlaceOrder", "OnDeadline"]);
    if (!placed || !expired) throw new Error("there are two moves");
    const [second, third] = [2, 3].map((version) => ({ ...expired, to: "PENDING", version }));
    const verdicts = endless.sagas.map((saga) =>
      createCheckTrace(buildModel(saga, endless.contracts))([placed, second ?? expired, third ?? expired]),
    );
    expect(verdicts).toMatchObject([{ outcome: "refused", fault: { kind: "not due", move: third } }]);
  });

  it("is any corrupted walk, unless that is another walk", () => {
    const possible = allSignatures();
    const outcomes = new Set<boolean>();
    fc.assert(
      fc.property(walks, corruptions, ({ moves }, corrupt) => {
        const corrupted = corrupt(moves);
        const accepted = check(corrupted).outcome !== "refused";
        outcomes.add(accepted);
        expect(accepted).toBe(possible.has(signature(corrupted)));
      }),
      { numRuns: 5_000 },
    );
    expect([...outcomes].toSorted()).toEqual([false, true]);
  });
});
