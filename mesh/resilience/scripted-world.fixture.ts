import { Code } from "#gen/google/rpc/code_pb.ts";
import { createBalancer, type Endpoint } from "#mesh/balance";
import type { CallPolicy } from "#mesh/contract";
import { virtualClock } from "#mesh/testing";
import type { AttemptInfo, CallRequest, CallWorld } from "./call.ts";
import { Ending, type EndSignal } from "./ending.ts";
import { createTargetGuards } from "./guards.ts";
import type { Failure, Outcome } from "./outcome.ts";
import { runCall } from "./run-call.ts";

/** What an endpoint does with one attempt. */
export interface Act {
  /** How long it takes. Infinity: it never answers. */
  readonly afterMs: number;
  /** OK by default. */
  readonly code?: Code;
  readonly progress?: Failure["progress"];
  readonly pushbackMs?: number;
  /** It goes on though it is told to end, as a transport with a defect would. Default false. */
  readonly deaf?: boolean;
  /** When the answer of a stream begins. Default: never. */
  readonly opensAfterMs?: number;
  /** The transport itself fails. */
  readonly throws?: boolean;
}

/** An attempt that reached an endpoint. */
export interface Seen extends AttemptInfo {
  readonly endpoint: string;
  readonly at: number;
  /** When it was told to end; undefined when never. */
  endedAt?: number;
}

/** A target whose endpoints do what a script says, on a virtual clock. */
export function scriptedWorld(
  policy: CallPolicy,
  /** By endpoint, what it does with its first attempt, its second …; the last act is repeated. */
  script: Record<string, readonly [Act, ...Act[]]>,
  options: { readonly random?: () => number; readonly endpoints?: readonly Endpoint[] } = {},
) {
  const { random = () => 0 } = options;
  const clock = virtualClock(1000);
  const guards = createTargetGuards<string>(policy);
  const endpoints =
    options.endpoints ??
    Object.keys(script).map(
      (id): Endpoint => ({ id, address: `${id}:1`, version: "v1", zone: "z", weight: 1, state: "serving" }),
    );
  const balancer = createBalancer({ policy: policy.balance, zone: "", seed: "test", random });
  balancer.update(endpoints);
  guards.shared.ejection?.update(endpoints.map(({ id }) => id));
  const seen: Seen[] = [];
  const acts = new Map<string, number>();

  const world: CallWorld<string> = {
    now: clock.now,
    random,
    sleep: clock.sleep,
    after(ms, ring) {
      const timer = new Ending();
      void clock.sleep(ms, timer).then(() => timer.aborted || ring());
      return () => timer.abort();
    },
    unreachable: () => false,
    pick: balancer.pick,
    async attempt({ id }, info, signal): Promise<Outcome<string>> {
      const entry: Seen = { ...info, endpoint: id, at: clock.now() };
      seen.push(entry);
      signal.addEventListener("abort", () => {
        entry.endedAt ??= clock.now();
      });
      const turn = acts.get(id) ?? 0;
      acts.set(id, turn + 1);
      const acted = script[id] ?? [{ afterMs: 0 }];
      const act = acted[Math.min(turn, acted.length - 1)] ?? acted[0];
      if (act.throws) throw new Error("a defect");
      if (act.opensAfterMs !== undefined) {
        await clock.sleep(act.opensAfterMs, signal);
        info.opened();
      }
      await wait(act, signal);
      if (signal.aborted) return { ok: false, code: Code.CANCELLED, message: "reset", progress: "maybe_processed" };
      if (act.code === undefined || act.code === Code.OK) return { ok: true, value: `${id} ${info.number}` };
      const { code, progress = "maybe_processed", pushbackMs } = act;
      return { ok: false, code, message: `${id} says no`, progress, pushbackMs };
    },
  };

  async function wait({ afterMs, deaf }: Act, signal: EndSignal): Promise<void> {
    if (Number.isFinite(afterMs)) return clock.sleep(afterMs, deaf ? undefined : signal);
    const { promise, resolve } = Promise.withResolvers<void>();
    if (!deaf) signal.addEventListener("abort", () => resolve());
    return promise;
  }

  /** Begins a call, which runs as the clock moves. */
  function begin(request: Partial<CallRequest<string>> = {}) {
    const method = request.method ?? "shop.catalog.v1.CatalogService/GetProduct";
    const deadline = request.deadline ?? clock.now() + policy.deadlineMs;
    const whole = { target: "shop.catalog", ...request, method, deadline };
    return runCall(policy, whole, guards.of(method, policy), world);
  }

  return {
    clock,
    guards,
    balancer,
    seen,
    begin,
    call: (request: Partial<CallRequest<string>> = {}) => clock.run(begin(request)),
    /** Calls of which the guards still believe that they are under way. */
    underWay: () => ({
      endpoints: balancer.snapshot().reduce((sum, { inFlight }) => sum + inFlight, 0),
      bulkhead: guards.shared.bulkhead?.snapshot() ?? { underWay: 0, waiting: 0 },
      timers: clock.pending(),
    }),
  };
}

/** Nothing is left of any call. */
export const nothingLeft = { endpoints: 0, bulkhead: { underWay: 0, waiting: 0 }, timers: 0 };
