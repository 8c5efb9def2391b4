import type { Endpoint } from "./endpoint.ts";

/** What is known when an endpoint is chosen. */
export interface PickQuestion {
  readonly path: string;
  /** Endpoints to which this call could not be sent. */
  readonly failed: readonly Endpoint[];
}

/** Chooses the endpoint of an attempt; undefined when there is none left. */
export type Pick = (question: PickQuestion) => Endpoint | undefined;

/** The first endpoint that has a connection, else the first that could get one, in the order of the list. */
export function pickFirst(endpoints: readonly Endpoint[]): Pick {
  const [only] = endpoints;
  if (endpoints.length === 1) return ({ failed }) => (failed.length > 0 ? undefined : only);
  return ({ failed }) => {
    const left = endpoints.filter((endpoint) => !failed.includes(endpoint));
    return left.find(({ state }) => state === "ready") ?? left.find(({ state }) => state !== "backoff") ?? left[0];
  };
}
