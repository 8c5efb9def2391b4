import type { DescMethod } from "@bufbuild/protobuf";
import type { CallMeter } from "#mesh/rpc";
import type { Family } from "./family.ts";
import { A66_BOUNDS, GO_GRPC_BOUNDS } from "./histogram.ts";
import { goCode, goLabels, methodName, statusName } from "./labels.ts";
import { MethodCalls } from "./method-calls.ts";

/** What is counted at the servers of a process. */
export interface ServerMetrics {
  /** Counts the calls of a method; those of the same method at several servers together. */
  meterOf(method: DescMethod): CallMeter;
  families(): Family[];
}

export function createServerMetrics(): ServerMetrics {
  const methods = new Map<DescMethod, MethodCalls>();
  return {
    meterOf(method) {
      const calls = methods.get(method) ?? new MethodCalls(method);
      methods.set(method, calls);
      return {
        started() {
          calls.started++;
        },
        ended: (code, durationMs) => calls.ended(code, durationMs),
      };
    },
    families: () => [...a66Families([...methods.values()]), ...goFamilies([...methods.values()])],
  };
}

function a66Families(methods: readonly MethodCalls[]): Family[] {
  return [
    {
      ...{ type: "counter", name: "grpc_server_call_started_total", help: "Calls that have begun." },
      samples: methods.map(({ method, started }) => ({ labels: { grpc_method: methodName(method) }, value: started })),
    },
    {
      ...{ type: "histogram", name: "grpc_server_call_duration_seconds", help: "Time from request to status." },
      bounds: A66_BOUNDS,
      samples: methods.flatMap((calls) =>
        calls.byCode().map(({ code, histogram }) => ({
          labels: { grpc_method: methodName(calls.method), grpc_status: statusName(code) },
          histogram,
        })),
      ),
    },
  ];
}

/** The same under the names of go-grpc's interceptors, by which most dashboards ask. */
function goFamilies(methods: readonly MethodCalls[]): Family[] {
  return [
    {
      ...{ type: "counter", name: "grpc_server_started_total", help: "Calls that have begun." },
      samples: methods.map(({ method, started }) => ({ labels: goLabels(method), value: started })),
    },
    {
      ...{ type: "counter", name: "grpc_server_handled_total", help: "Calls that have ended, whatever their status." },
      samples: methods.flatMap((calls) =>
        calls.byCode().map(({ code, histogram }) => ({
          labels: { ...goLabels(calls.method), grpc_code: goCode(code) },
          value: histogram.count,
        })),
      ),
    },
    {
      ...{ type: "histogram", name: "grpc_server_handling_seconds", help: "Time from request to status." },
      bounds: GO_GRPC_BOUNDS,
      samples: methods.map((calls) => ({ labels: goLabels(calls.method), histogram: calls.all() })),
    },
  ];
}
