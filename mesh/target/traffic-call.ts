import type { TrafficRules } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import type { CallFault, RouteExplanation } from "#mesh/resilience";
import { injectFault, mirrorCall, routeCall, type TrafficCall } from "#mesh/traffic";
import { type MeshCallRequest, sentHeader } from "./mesh-call.ts";

/** What may steer the calls of a target. */
export interface TrafficSettings {
  /** The rules of traffic to the target as they are now; undefined for none. */
  readonly traffic?: () => TrafficRules | undefined;
  /** Whether the rules may put faults into this process's calls. Default false. */
  readonly faultsAllowed?: boolean;
}

/** What the rules of traffic say about one call. */
export interface Steering {
  readonly route?: RouteExplanation | undefined;
  readonly fault?: CallFault | undefined;
  /** Version for a copy of the call. */
  readonly mirror?: string | undefined;
}

const FREE: Steering = {};

/** Asks the rules of traffic about a call. */
export function steer({ traffic, faultsAllowed = false }: TrafficSettings, request: MeshCallRequest): Steering {
  const rules = traffic?.();
  if (!rules) return FREE;
  const call = trafficCall(request);
  const { random } = Math;
  return {
    route: routeCall(rules, call, random),
    fault: injectFault(rules, call, { allowed: faultsAllowed, random }),
    mirror: mirrorCall(rules, call, random),
  };
}

/** What rules of traffic see: the user's id is read from the token without looking at its signature, for nothing but the route. */
function trafficCall({ path, metadata }: MeshCallRequest): TrafficCall {
  return {
    method: path.slice(1),
    header: (name) => sentHeader(metadata, name),
    user: userOf(sentHeader(metadata, "authorization")),
  };
}

function userOf(authorization: string | undefined): string | undefined {
  const payload = authorization?.split(".")[1];
  if (payload === undefined) return undefined;
  try {
    const { sub } = JSON.parse(Buffer.from(payload, "base64url").toString());
    return typeof sub === "string" ? sub : undefined;
  } catch {
    return undefined;
  }
}
