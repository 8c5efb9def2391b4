import { describe, expect, it, vi } from "vitest";
import { StockReservedSchema } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { OrderCancelledSchema, OrderConfirmedSchema } from "#gen/shop/order/v1/order_events_pb.ts";
import { PaymentReactionService } from "#gen/shop/payment/reactions/v1/payment_reactions_pb.ts";
import { file_shop_payment_v1_payment_events } from "#gen/shop/payment/v1/payment_events_pb.ts";
import { PaymentService } from "#gen/shop/payment/v1/payment_service_pb.ts";
import { type Contract, readContract } from "#mesh/contract";
import { currentScope } from "#mesh/scope";
import type { EffectContext, ReactionHandlers } from "./handlers.ts";
import { note, patience, type SagaFixture, sagaFixture } from "./saga.fixture.ts";

const contract = readContract({
  services: [PaymentService],
  events: file_shop_payment_v1_payment_events,
  reactions: PaymentReactionService,
});

type Handlers = ReactionHandlers<typeof PaymentReactionService>;

/** Handlers that answer at once; `calls` gets each call's name, idempotency key and attempt. */
function answering(calls: string[], own: Partial<Handlers> = {}): Handlers {
  const note = (attempt: number, { idempotencyKey }: EffectContext) => calls.push(`${idempotencyKey} ${attempt}`);
  return {
    onStockReserved: async () => ({}),
    onOrderConfirmed: async () => ({}),
    onOrderCancelled: async () => ({}),
    async authorise({ key: orderId, attempt }, context) {
      note(attempt, context);
      return { result: { event: { case: "paymentAuthorised", value: { orderId } } } };
    },
    async capture({ key: orderId, attempt }, context) {
      note(attempt, context);
      return { result: { event: { case: "paymentCaptured", value: { orderId } } } };
    },
    async void({ key: orderId, attempt }, context) {
      note(attempt, context);
      return { result: { event: { case: "paymentVoided", value: { orderId } } } };
    },
    ...own,
  };
}

/** An authorise that waits for the test's answer. */
function slowProvider(calls: string[]) {
  const answer = Promise.withResolvers<void>();
  const authorise: Handlers["authorise"] = async ({ key: orderId, attempt }, { idempotencyKey }) => {
    calls.push(`${idempotencyKey} ${attempt}`);
    await answer.promise;
    return {
      result: { event: { case: "paymentAuthorised", value: { orderId } } },
      record: (tx) => note(tx, `authorised ${orderId}`),
    };
  };
  return { answer: answer.resolve, authorise };
}

const payment = (handlers: Handlers, options = {}) => sagaFixture(contract, handlers, options);
const reserve = (fixture: SagaFixture, orderId: string) => fixture.deliver(StockReservedSchema, { orderId });
const cancel = (fixture: SagaFixture, orderId: string) => fixture.deliver(OrderCancelledSchema, { orderId });

describe("an effect", () => {
  it("is called after its intent was committed, and its result moves", async () => {
    const calls: string[] = [];
    const states: unknown[] = [];
    const base = answering(calls);
    const authorise: Handlers["authorise"] = async (due, context) => {
      states.push(await fixture.state(due.key), currentScope()?.deadline !== undefined);
      return base.authorise(due, context);
    };
    await using fixture = await payment({ ...base, authorise });
    await fixture.saga.worker.start();
    await reserve(fixture, "p1");
    await expect.poll(() => fixture.state("p1"), patience).toBe("AUTHORISED");
    await fixture.deliver(OrderConfirmedSchema, { orderId: "p1" });
    await expect.poll(() => fixture.state("p1"), patience).toBe("CAPTURED");
    await fixture.saga.worker.stop();
    expect(states).toEqual(["AUTHORISING", true]);
    expect(calls).toEqual(["checkout/p1/Authorise 1", "checkout/p1/Capture 1"]);
    expect(await fixture.announced("p1")).toEqual(["PaymentAuthorised", "PaymentCaptured"]);
    expect(await fixture.effects("p1")).toEqual(["Authorise done", "Capture done"]);
  });

  it("is tried again with the same idempotency key until its outcome is known", async () => {
    const calls: string[] = [];
    const authorise: Handlers["authorise"] = async (due, context) => {
      if (due.attempt < 3) {
        calls.push(`${context.idempotencyKey} ${due.attempt} failed`);
        throw new Error("no answer");
      }
      return answering(calls).authorise(due, context);
    };
    await using fixture = await payment(answering(calls, { authorise }));
    await fixture.saga.worker.start();
    await reserve(fixture, "p1");
    await expect.poll(() => fixture.state("p1"), patience).toBe("AUTHORISED");
    await fixture.saga.worker.stop();
    const key = "checkout/p1/Authorise";
    expect(calls).toEqual([`${key} 1 failed`, `${key} 2 failed`, `${key} 3`]);
  });

  it("raises an alarm when it keeps failing", async () => {
    const authorise: Handlers["authorise"] = async () => {
      throw new Error("no answer");
    };
    await using fixture = await payment(answering([], { authorise }));
    await reserve(fixture, "p1");
    await fixture.database.sql`update heddle.effect set attempts = 4`;
    await fixture.saga.worker.start();
    await expect.poll(() => fixture.alarms, patience).toMatchObject([{ key: "p1", attempt: 5, effect: "Authorise" }]);
    await fixture.saga.worker.stop();
    expect(await fixture.effects("p1")).toEqual(["Authorise due"]);
  });

  it("is called by one replica only", async () => {
    const calls: string[] = [];
    await using fixture = await payment(answering(calls));
    const keys = Array.from({ length: 30 }, (_, index) => `p${index}`);
    for (const key of keys) await reserve(fixture, key);
    const workers = [fixture.saga.worker, fixture.replica(answering(calls)).worker];
    await Promise.all(workers.map((worker) => worker.start()));
    await expect
      .poll(async () => [...new Set(await Promise.all(keys.map(fixture.state)))], patience)
      .toEqual(["AUTHORISED"]);
    await Promise.all(workers.map((worker) => worker.stop()));
    expect(calls.toSorted()).toEqual(keys.map((key) => `checkout/${key}/Authorise 1`).toSorted());
  });

  it("is aborted at its deadline and tried again", async () => {
    const calls: string[] = [];
    const authorise: Handlers["authorise"] = async (due, context) => {
      if (due.attempt === 1) {
        await new Promise((_, reject) => {
          context.signal.addEventListener("abort", () => reject(context.signal.reason));
        });
      }
      return answering(calls).authorise(due, context);
    };
    await using fixture = await sagaFixture(withDeadline(30), answering(calls, { authorise }));
    await fixture.saga.worker.start();
    await reserve(fixture, "p1");
    await expect.poll(() => fixture.state("p1"), patience).toBe("AUTHORISED");
    await fixture.saga.worker.stop();
    expect(calls).toEqual(["checkout/p1/Authorise 2"]);
  });
});

describe("a crash between a call and its result", () => {
  it("has the call repeated under the same key, and the late result of the lost attempt is dropped", async () => {
    const calls: string[] = [];
    const lost = slowProvider(calls);
    await using fixture = await payment(answering(calls, { authorise: lost.authorise }), {
      // The hanging call takes the only place, so that it is the other process that repeats it.
      effectConcurrency: 1,
    });
    await fixture.saga.worker.start();
    await reserve(fixture, "p1");
    await expect.poll(() => calls, patience).toHaveLength(1);
    // The claim of a process that is no more runs out.
    await fixture.database.sql`update heddle.effect set due_at = now()`;
    const other = fixture.replica(answering(calls));
    await other.worker.start();
    await expect.poll(() => fixture.state("p1"), patience).toBe("AUTHORISED");
    lost.answer();
    await fixture.saga.worker.stop();
    await other.worker.stop();
    expect(calls).toEqual(["checkout/p1/Authorise 1", "checkout/p1/Authorise 2"]);
    expect(await fixture.announced("p1")).toEqual(["PaymentAuthorised"]);
  });
});

describe("a state that was left", () => {
  it("skips a call that was never attempted", async () => {
    const calls: string[] = [];
    await using fixture = await payment(answering(calls));
    await reserve(fixture, "p1");
    await cancel(fixture, "p1");
    await fixture.saga.worker.start();
    await expect.poll(() => fixture.state("p1"), patience).toBe("VOIDED");
    await fixture.saga.worker.stop();
    expect(calls).toEqual(["checkout/p1/Void 1"]);
    expect(await fixture.effects("p1")).toEqual(["Authorise skipped", "Void done"]);
  });

  it("has the next call wait for one that runs, whose late result moves nothing but is recorded", async () => {
    const calls: string[] = [];
    const slow = slowProvider(calls);
    await using fixture = await payment(answering(calls, { authorise: slow.authorise }));
    await fixture.saga.worker.start();
    await reserve(fixture, "p1");
    await expect.poll(() => calls, patience).toHaveLength(1);
    await cancel(fixture, "p1");
    await reserve(fixture, "p2");
    await expect.poll(() => calls, patience).toHaveLength(2);
    expect(await fixture.effects("p1")).toEqual(["Authorise due", "Void waiting"]);
    slow.answer();
    await expect.poll(() => fixture.state("p1"), patience).toBe("VOIDED");
    await fixture.saga.worker.stop();
    expect(calls.filter((call) => call.includes("p1"))).toEqual(["checkout/p1/Authorise 1", "checkout/p1/Void 1"]);
    expect(await fixture.announced("p1")).toEqual(["PaymentVoided"]);
    expect(await fixture.notes()).toContain("authorised p1");
  });

  it("still has a call of unknown outcome repeated before the next one", async () => {
    const calls: string[] = [];
    await using fixture = await payment(answering(calls));
    await reserve(fixture, "p1");
    // As a process leaves it that was killed during the first attempt.
    await fixture.database.sql`update heddle.effect set attempts = 1, due_at = now()`;
    await cancel(fixture, "p1");
    await fixture.saga.worker.start();
    await expect.poll(() => fixture.state("p1"), patience).toBe("VOIDED");
    await fixture.saga.worker.stop();
    expect(calls).toEqual(["checkout/p1/Authorise 2", "checkout/p1/Void 1"]);
  });
});

describe("an outcome that no declared move takes", () => {
  it("is recorded, raises an alarm and ends the call as failed", async () => {
    const calls: string[] = [];
    const slow = slowProvider(calls);
    await using fixture = await sagaFixture(withoutIgnored(), answering(calls, { authorise: slow.authorise }));
    await fixture.saga.worker.start();
    await reserve(fixture, "p1");
    await expect.poll(() => calls, patience).toHaveLength(1);
    await cancel(fixture, "p1");
    slow.answer();
    await expect.poll(() => fixture.state("p1"), patience).toBe("VOIDED");
    await fixture.saga.worker.stop();
    expect(await fixture.effects("p1")).toEqual(["Authorise failed", "Void done"]);
    expect(await fixture.announced("p1")).toEqual(["PaymentVoided"]);
    expect(await fixture.notes()).toContain("authorised p1");
    expect(fixture.alarms).toMatchObject([{ key: "p1", effect: "Authorise" }]);
    expect(JSON.stringify(fixture.alarms)).toMatch(/Authorise has an outcome in the state VOIDING of checkout\/p1/);
  });
});

describe("stopping", () => {
  it("waits for calls in hand", async () => {
    const calls: string[] = [];
    const slow = slowProvider(calls);
    await using fixture = await payment(answering(calls, { authorise: slow.authorise }));
    await fixture.saga.worker.start();
    await reserve(fixture, "p1");
    await expect.poll(() => calls, patience).toHaveLength(1);
    const stopped = fixture.saga.worker.stop();
    slow.answer();
    await stopped;
    expect(await fixture.state("p1")).toBe("AUTHORISED");
  });

  it("aborts calls that take too long, and leaves them to the next process", async () => {
    const calls: string[] = [];
    const aborted = vi.fn();
    const authorise: Handlers["authorise"] = async (due, context) => {
      if (due.attempt > 1) return answering(calls).authorise(due, context);
      calls.push("hangs");
      context.signal.addEventListener("abort", aborted);
      return Promise.withResolvers<never>().promise;
    };
    await using fixture = await payment(answering(calls, { authorise }), { stopTimeoutMs: 10 });
    await fixture.saga.worker.start();
    await reserve(fixture, "p1");
    await expect.poll(() => calls, patience).toEqual(["hangs"]);
    await fixture.saga.worker.stop();
    expect(aborted).toHaveBeenCalled();
    await fixture.saga.worker.start();
    await expect.poll(() => fixture.state("p1"), patience).toBe("AUTHORISED");
    await fixture.saga.worker.stop();
    expect(calls).toEqual(["hangs", "checkout/p1/Authorise 2"]);
  });

  it("does not start without its handlers", async () => {
    await using fixture = await payment(answering([]));
    const { createSaga } = await import("./create-saga.ts");
    const { createLogger } = await import("#mesh/telemetry");
    const log = createLogger({ name: "test", level: "silent" });
    const saga = createSaga({ contract, database: fixture.database, log });
    await expect(saga.worker.start()).rejects.toThrow("has no events yet");
    saga.connect({ outbox: { append: async () => {} }, release: async () => {} });
    await expect(saga.worker.start()).rejects.toThrow("has no handlers yet");
  });
});

function withDeadline(deadlineMs: number): Contract {
  return withEffects((effect) => ({ ...effect, deadlineMs }));
}

/** The contract as if no state ignored a late result. */
function withoutIgnored(): Contract {
  return withEffects((effect) => ({ ...effect, ignoredIn: [] }));
}

type Effect = NonNullable<Contract["reactions"]>["effects"][number];

function withEffects(change: (effect: Effect) => Effect): Contract {
  if (!contract.reactions) throw new TypeError("the contract has no reactions");
  return { ...contract, reactions: { ...contract.reactions, effects: contract.reactions.effects.map(change) } };
}
