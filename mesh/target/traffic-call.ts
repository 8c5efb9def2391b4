import type { TrafficCall } from "#mesh/traffic";
import { type MeshCallRequest, sentHeader } from "./mesh-call.ts";

/** What rules of traffic see: the user's id is read from the token without looking at its signature, for nothing but the route. */
export function trafficCall({ path, metadata }: MeshCallRequest): TrafficCall {
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
