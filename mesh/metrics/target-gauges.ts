import type { BreakerState } from "#mesh/resilience";
import type { TargetView } from "#mesh/target";
import type { Family, Labels, Sample } from "./family.ts";

/** Somebody who calls, and all that it calls at the moment. */
export interface Caller {
  /** Such as "shop.order". */
  readonly name: string;
  targets(): readonly TargetView[];
}

const BREAKER_STATES: Record<BreakerState, number> = { closed: 0, half_open: 1, open: 2 };
const ENDPOINT_STATES = ["serving", "draining", "unhealthy"] as const;

/** How the targets of callers stand. Read when somebody asks: calls cost nothing for it. */
export function targetFamilies(callers: Iterable<Caller>, now: number): Family[] {
  const seen = [...callers].flatMap(({ name, targets }) =>
    distinct(targets()).map((view) => ({ labels: { caller: name, grpc_target: view.target }, view })),
  );
  const each = (read: (view: TargetView, labels: Labels) => readonly Sample[]) =>
    seen.flatMap(({ labels, view }) => read(view, labels));
  return [
    {
      ...{ type: "gauge", name: "heddle_client_breaker_state", help: "0 closed, 1 half open, 2 open." },
      samples: each((view, labels) => breakerSamples(view, labels, now)),
    },
    {
      ...{ type: "gauge", name: "heddle_client_retry_budget_left", help: "Further attempts that are allowed." },
      samples: each(({ guards }, labels) =>
        guards.shared.budget ? [{ labels, value: guards.shared.budget.left(now) }] : [],
      ),
    },
    {
      ...{ type: "gauge", name: "heddle_client_endpoints", help: "Known endpoints by state." },
      samples: each(({ endpoints }, labels) =>
        ENDPOINT_STATES.map((state) => ({
          labels: { ...labels, state },
          value: endpoints.filter(({ endpoint }) => endpoint.state === state).length,
        })),
      ),
    },
    {
      ...{ type: "gauge", name: "heddle_client_endpoints_ejected", help: "Endpoints left out because they fail." },
      samples: each(({ guards }, labels) =>
        guards.shared.ejection ? [{ labels, value: ejectedNow(guards.shared.ejection.snapshot(now)) }] : [],
      ),
    },
    {
      ...{ type: "counter", name: "grpc_lb_outlier_detection_ejections_enforced_total" },
      help: "How often endpoints were left out because they fail.",
      samples: each(({ guards }, labels) =>
        guards.shared.ejection ? [{ labels, value: guards.shared.ejection.ejections() }] : [],
      ),
    },
  ];
}

/**
 * The first view of each target: one that is called at two addresses, or in two names as the gateway does, would have two
 * values of one name.
 */
function distinct(views: readonly TargetView[]): TargetView[] {
  return [...new Map(views.toReversed().map((view) => [view.target, view])).values()];
}

/** The breaker that a target's methods share, and those that methods have for themselves. */
function breakerSamples({ guards }: TargetView, labels: Labels, now: number): Sample[] {
  const { breaker: shared } = guards.shared;
  const own = [...guards.methods()].flatMap(([method, { breaker }]) =>
    breaker && breaker !== shared ? [{ labels: { ...labels, grpc_method: method }, breaker }] : [],
  );
  return [...(shared ? [{ labels, breaker: shared }] : []), ...own].map(({ labels: named, breaker }) => ({
    labels: named,
    value: BREAKER_STATES[breaker.state(now)],
  }));
}

function ejectedNow(endpoints: readonly { readonly ejectedUntil: number | undefined }[]): number {
  return endpoints.filter(({ ejectedUntil }) => ejectedUntil !== undefined).length;
}
