import { create, type DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport, type HandlerContext } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import { AccessSchema, Audience } from "#gen/heddle/v1/policy_pb.ts";
import { callPolicyOf, type MethodPolicy } from "#mesh/contract";
import { createReflection } from "#mesh/rpc";
import type { Upstream, Upstreams } from "../upstream/call-upstream.ts";
import { missingUpstreams } from "../upstream/health.ts";

/** What the gateway tells of itself and its services in gRPC's own way. */
export interface OwnServices {
  readonly upstreams: readonly Upstream[];
  readonly policies: readonly MethodPolicy[];
}

/** What they tell about. */
export interface OwnServicesOptions {
  /** The services that reflection describes. */
  readonly services: readonly DescService[];
  /** Names of what upstreams serve, which the gateway does not serve itself. */
  readonly taken: ReadonlySet<string>;
  /** Whether reflection is there. */
  readonly reflection: boolean;
  readonly upstreams: () => Upstreams;
  stopping(): boolean;
}

/** How often a watch of health looks, in milliseconds. */
const watchEveryMs = 5_000;

/**
 * grpc.health.v1, which says for "" what /readyz says and for a service whether it answers, and reflection
 * (grpc.reflection.v1 and v1alpha) of the services. Everyone may call them.
 */
export function createOwnServices(options: OwnServicesOptions): OwnServices {
  const never = new AbortController().signal;
  const isFree = ({ typeName }: DescService) => !options.taken.has(typeName);
  const described = [...options.services, ...[Health].filter(isFree)];
  const reflected = options.reflection ? createReflection(described, never) : [];
  const transport = createRouterTransport((router) => {
    router.service(Health, healthHandlers(options));
    for (const { service, handlers } of reflected) router.service(service, handlers as Record<string, never>);
  });
  const services = [Health, ...reflected.map(({ service }) => service)].filter(isFree);
  return {
    upstreams: services.map((service) => ({ service, address: "", server: "gateway", own: transport })),
    policies: services.flatMap(({ methods }) => methods).map(openPolicy),
  };
}

function openPolicy(method: MethodPolicy["method"]): MethodPolicy {
  const access = create(AccessSchema, { audience: Audience.PUBLIC });
  const deadlineMs = method.methodKind === "unary" ? 10_000 : Number.POSITIVE_INFINITY;
  return { method, access, deadlineMs, calls: callPolicyOf(method), http: [], resume: undefined, rateLimits: [] };
}

function healthHandlers({ services, upstreams, stopping }: OwnServicesOptions) {
  const names = new Set(["", ...services.map(({ typeName }) => typeName)]);

  async function statusOf(name: string): Promise<Status> {
    if (!names.has(name)) return Status.SERVICE_UNKNOWN;
    if (stopping()) return Status.NOT_SERVING;
    const missing = await missingUpstreams(upstreams());
    const isMissing = name === "" ? missing.length > 0 : missing.some(({ service }) => service === name);
    return isMissing ? Status.NOT_SERVING : Status.SERVING;
  }

  return {
    async check({ service }: { service: string }) {
      if (!names.has(service)) throw new ConnectError(`no service "${service}" here`, Code.NotFound);
      return { status: await statusOf(service) };
    },
    async list() {
      const statuses = await Promise.all([...names].map(async (name) => [name, { status: await statusOf(name) }]));
      return { statuses: Object.fromEntries(statuses) };
    },
    async *watch({ service }: { service: string }, { signal }: HandlerContext) {
      let told: Status | undefined;
      while (!signal.aborted) {
        const status = await statusOf(service);
        if (status !== told) yield { status };
        told = status;
        await pause(signal);
      }
    },
  };
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, watchEveryMs).unref();
    signal.addEventListener("abort", done);
  });
}
