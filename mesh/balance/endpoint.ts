/** Whether an instance takes calls. A draining one finishes what it has and takes nothing new. */
export type EndpointState = "serving" | "draining" | "unhealthy";

/** One instance of a service, as far as it matters to a choice: every Instance of discovery is one. */
export interface Endpoint {
  /** Stays the same as long as the instance lives, and is nobody else's. */
  readonly id: string;
  /** Host and port, such as "10.0.0.7:50054". */
  readonly address: string;
  /** Version of the program, such as "v2". Empty when it says none. */
  readonly version: string;
  /** Place that fails together, such as "eu-1a". Empty when it says none. */
  readonly zone: string;
  /** Share of the calls in comparison with the others', over 0. 1 for all that say nothing. */
  readonly weight: number;
  /** Event-loop utilisation that the instance last reported, 0 (idle) to 1 (never idle). Undefined when it reports none. */
  readonly load?: number | undefined;
  readonly state: EndpointState;
}
