import { describe, expect, it } from "vitest";
import { asyncApi, sagaPage, verifyTogether } from "#mesh/verify";
import { changeOn, changeSaga, type Mutable, prove, withoutTombstone } from "./mutant.fixture.ts";

const unchanged = () => undefined;

describe("a proof of the shop's sagas", () => {
  it("visits every state of one and of two instances", () => {
    const { findings, verdicts } = prove(unchanged);
    expect(findings).toEqual([]);
    expect(verdicts).toMatchObject([{ name: "checkout", verdict: "proven", runs: [{ sagas: 1 }, { sagas: 2 }] }]);
    for (const { bound, states } of verdicts[0]?.runs ?? []) {
      expect(bound).toBeUndefined();
      expect(states).toBeGreaterThan(50);
    }
  });

  it("finds the deliveries that must not be lost", () => {
    const { deliveries = [] } = prove(unchanged).verdicts[0] ?? {};
    const named = (wanted: boolean) =>
      deliveries.filter(({ critical }) => critical === wanted).map(({ consumer, event }) => `${consumer} ${event}`);
    expect(named(true)).toEqual(
      expect.arrayContaining([
        "inventory OrderCancelled",
        "inventory OrderConfirmed",
        "payment OrderCancelled",
        "payment OrderConfirmed",
      ]),
    );
    expect(named(false)).toEqual(
      expect.arrayContaining(["order PaymentAuthorised", "order StockRejected", "inventory OrderPlaced"]),
    );
  });

  it("knows what would go wrong without the inbox", () => {
    const { withoutInbox = [] } = prove(unchanged).verdicts[0] ?? {};
    expect(withoutInbox).toContain("OrderPlaced reaches inventory in RESERVED, which says nothing about it");
  });

  it("knows which deliveries need no inbox", () => {
    const idempotent = (change: (contracts: Mutable) => void) =>
      (prove(change, { sagas: 1 }).verdicts[0]?.deliveries ?? [])
        .filter((delivery) => delivery.idempotent)
        .map(({ consumer, event }) => `${consumer} ${event}`);
    expect(idempotent(unchanged)).toEqual(["order PaymentDeclined"]);
    const alsoIgnored = (contracts: Mutable) =>
      changeOn(contracts, ["order/reactions", "OnPaymentAuthorised"], ({ ignoredIn }) => ignoredIn.push("CONFIRMED"));
    expect(idempotent(alsoIgnored)).toEqual(["order PaymentAuthorised", "order PaymentDeclined"]);
  });

  it("says when a bound was too small to know, and which", () => {
    expect(prove(unchanged, { maxStates: 10 }).verdicts).toMatchObject([
      { verdict: "not exhausted", findings: [], runs: [{ sagas: 1, bound: "states" }] },
    ]);
    expect(prove(unchanged, { maxStates: 1_000 }).verdicts).toMatchObject([
      {
        verdict: "not exhausted",
        findings: [],
        runs: [
          { sagas: 1, states: 66 },
          { sagas: 2, bound: "states" },
        ],
      },
    ]);
    expect(prove(unchanged, { maxSeconds: 0 }).verdicts).toMatchObject([
      { verdict: "not exhausted", findings: [], runs: [{ sagas: 1, states: 1, bound: "time" }] },
    ]);
  });

  it("tells the shortest way to what goes wrong, with files and lines", () => {
    const { findings } = prove((contracts) =>
      withoutTombstone(
        contracts,
        ["inventory/reactions", "OnOrderCancelled"],
        ["inventory/reactions", "OnOrderPlaced"],
      ),
    );
    const finding = findings.find(({ check }) => check === "unspecified reception");
    const place = String.raw`\(proto/shop/[a-z0-9_/]+\.proto:\d+\)$`;
    expect(finding?.story?.lines).toEqual([
      expect.stringMatching(`^order: command PlaceOrder in NONE: → PENDING, announces OrderPlaced ${place}`),
      expect.stringMatching(`^order: command CancelOrder in PENDING: → CANCELLED, announces OrderCancelled ${place}`),
      expect.stringMatching(`^inventory: OnOrderCancelled takes in OrderCancelled in NONE: NOT ALLOWED ${place}`),
    ]);
    expect(finding?.story?.mermaid).toContain("order-)inventory: OrderCancelled\n  Note over inventory: not allowed");
  });

  it("finds what only happens between two instances", () => {
    // An order reserves one of two pieces and needs the other to be sold: two orders wait for each other.
    const { verdicts, findings } = prove((contracts) => {
      changeSaga(contracts, ({ counters }) => Object.assign(counters[0] ?? {}, { initial: 2, always: [] }));
      changeOn(contracts, ["inventory/reactions", "OnOrderConfirmed"], ({ moves }) => moves[0]?.takes.push("stock"));
    });
    expect(verdicts[0]?.runs.map(({ sagas }) => sagas)).toEqual([1, 2]);
    const finding = findings.find(({ problem }) => problem === "OnOrderConfirmed waits for ever");
    expect(finding?.story?.lines).toContainEqual(expect.stringContaining("[2] order: OnPaymentAuthorised"));
  });
});

describe("old and new contracts side by side", () => {
  const beside = (change: (contracts: Mutable) => void, back: (contracts: Mutable) => void = unchanged) => {
    const { system: now } = prove(change, { sagas: 1 });
    const { system: before } = prove(back, { sagas: 1 });
    const options = { sagas: 1, maxStates: 10_000, maxSeconds: 20, locate: ({ file }: { file: string }) => file };
    return now.sagas.map((saga) => verifyTogether(saga, { now, before }, options));
  };

  it("are proven when nothing has changed", () => {
    expect(beside(unchanged)).toMatchObject([{ verdict: "proven", findings: [] }]);
  });

  it("are refused when an old instance cannot take what a new one does", () => {
    const older = (contracts: Mutable) =>
      withoutTombstone(contracts, ["payment/reactions", "OnOrderCancelled"], ["payment/reactions", "OnStockReserved"]);
    const [verdict] = beside(unchanged, older);
    expect(verdict?.verdict).toBe("violated");
    expect(verdict?.findings.map(({ problem }) => problem)).toContain(
      "OrderCancelled reaches payment in NONE, which says nothing about it",
    );
  });

  it("may differ in what is only declared for the proof", () => {
    const older = (contracts: Mutable) =>
      changeOn(contracts, ["inventory/reactions", "OnOrderPlaced"], ({ moves }) => {
        for (const move of moves) move.takes = [];
      });
    expect(beside(unchanged, older)).toMatchObject([{ verdict: "proven" }]);
  });
});

describe("what is generated from the model", () => {
  it("shows states, paths and critical deliveries on a page", () => {
    const [verdict] = prove(unchanged).verdicts;
    const page = verdict ? sagaPage(verdict) : "";
    expect(page).toContain("| RESERVED | OrderCancelled | RELEASED | StockReleased | compensation |");
    expect(page).toContain("order-)inventory: OrderConfirmed");
    expect(page).toMatch(/\| payment \| OrderConfirmed \| .+ \|/);
  });

  it("describes every event, and refers to nothing that is not there", () => {
    const document = JSON.stringify(asyncApi(prove(unchanged).system));
    expect(document).toContain("evt.shop.order.order.OrderPlaced.v1.{order_id}");
    const parsed: unknown = JSON.parse(document);
    for (const [, path = ""] of document.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const target = path.split("/").reduce<unknown>((at, name) => Object(at)[name], parsed);
      expect(target, path).toBeTypeOf("object");
    }
  });
});
