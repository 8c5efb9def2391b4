import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { z } from "zod";
import { HttpRuleSchema } from "#gen/google/api/http_pb.ts";
import { readTarget, targetForms } from "#mesh/discovery";
import { defaultGuard } from "../guard/guard-config.ts";
import { defaultClientLimits } from "../http/client-limits.ts";

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Of durations, which are read as milliseconds. */
const durationForm = 'must be a duration such as "1500ms", "10s" or "5m"';
const duration = z
  .string(durationForm)
  .regex(/^\d{1,9}(ms|s|m|h)$/, durationForm)
  .transform((text) => Number.parseInt(text, 10) * (unitMs[text.replace(/^\d+/, "") as keyof typeof unitMs] ?? 1));

const timeout = duration.refine((ms) => ms > 0 && ms < 2 ** 31, "must be more than 0, and less than 24 days");

const text = z.string("must be a text").min(1, "must not be empty");
const oneOrMore = z.union(
  [text.transform((one) => [one]), z.array(text).min(1, "must name at least one")],
  "must be a text, or a list of texts",
);
const port = z.int("must be a whole number").min(0, "must be 0 or more").max(65_535, "must be 65535 or less");
const hosts = /^https:\/\/|^http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|\/|$)/;
const secureUrl = z.url("must be a URL").regex(hosts, "must begin with https://, as http:// is for this machine only");

const address = z
  .union([z.string(), z.array(text).transform((list) => list.join(","))], "must be an address, or a list of addresses")
  .refine((value) => readTarget(value) !== undefined, `must be one of: ${targetForms}`);

const tls = z
  .strictObject({
    ca: text.optional(),
    cert: text.optional(),
    key: text.optional(),
    server_name: text.optional(),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), "cert and key belong together");

const upstream = z
  .strictObject({
    address,
    descriptors: oneOrMore.optional(),
    reflect: z.boolean().default(false),
    services: oneOrMore.optional(),
    tls: z
      .union([z.literal(true).transform(() => ({}) as z.output<typeof tls>), tls], "must be true, or say how")
      .optional(),
  })
  .refine(({ descriptors, reflect }) => (descriptors !== undefined) !== reflect, {
    error: 'must have either "descriptors: image.binpb" or "reflect: true"',
  });

const httpRule = z.custom<JsonValue>().transform((json, context) => {
  try {
    const rule = fromJson(HttpRuleSchema, json);
    if (rule.selector !== "") return rule;
    context.addIssue('has no selector: name a method, such as "acme.users.v1.Users.GetUser"');
  } catch (fault) {
    context.addIssue(fault instanceof Error ? fault.message : String(fault));
  }
  return z.NEVER;
});

const origin = z
  .string()
  .regex(/^(?:\*|https?:\/\/[^\s/,]+)$/, 'must be an origin such as "https://shop.example", or "*"');

const auth = z
  .strictObject({
    issuer: text.optional(),
    jwks: secureUrl.optional(),
    audience: oneOrMore,
    roles_claim: text.default("roles"),
    public: oneOrMore.default([]),
  })
  .refine(({ issuer, jwks }) => issuer !== undefined || jwks !== undefined, "needs an issuer, or the URL of its jwks")
  .refine(({ issuer, jwks }) => jwks !== undefined || secureUrl.safeParse(issuer).success, {
    error: "must be an https:// URL where there is no jwks",
    path: ["issuer"],
  });

/** The configuration file as it is written. */
export const configShape = z.strictObject({
  listen: z
    .strictObject({
      host: text.default("127.0.0.1"),
      port: port.default(8080),
      tls: z.strictObject({ cert: text, key: text }).optional(),
    })
    .prefault({}),
  upstreams: z
    .record(z.string(), upstream)
    .refine((all) => Object.keys(all).length > 0, "must name at least one server"),
  http: z.strictObject({ rules: z.array(httpRule).default([]) }).prefault({}),
  cors: z
    .strictObject({
      origins: z.array(origin).default([]),
      headers: z.array(z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, "must be the name of a header")).default([]),
      private_network: z.boolean().default(false),
    })
    .prefault({}),
  auth: auth.optional(),
  limits: z
    .strictObject({
      max_body_bytes: z
        .int("must be a whole number")
        .min(1_024, "must be 1024 or more")
        .max(2 ** 30, "must be 1073741824 or less")
        .default(4 * 1024 * 1024),
      max_held_bytes: z
        .int("must be a whole number")
        .min(2 ** 20, "must be 1048576 or more")
        .default(defaultClientLimits.maxHeldBytes),
      max_upload_bytes: z
        .int("must be a whole number")
        .min(1_024, "must be 1024 or more")
        .default(defaultClientLimits.maxUploadBytes),
      head_timeout: timeout.prefault("20s"),
      body_timeout: timeout.prefault("120s"),
      stall_timeout: timeout.prefault("65s"),
      deadline: duration.prefault("10s"),
      stream_deadline: z
        .union([z.literal("none").transform(() => Number.POSITIVE_INFINITY), duration])
        .prefault("none"),
      reflection: duration.prefault("60s"),
      max_concurrent: z.int("must be a whole number").min(1, "must be 1 or more").default(defaultGuard.maxConcurrent),
      client_share: z
        .int("must be a whole number")
        .min(1, "must be 1 or more")
        .max(100, "must be 100 or less")
        .default(defaultGuard.clientShare),
      trusted_proxies: z
        .int("must be a whole number")
        .min(0, "must be 0 or more")
        .max(16, "must be 16 or less")
        .default(0),
      forwarded_header: z
        .enum(["x-forwarded-for", "forwarded"], 'must be "x-forwarded-for" or "forwarded"')
        .default("x-forwarded-for"),
    })
    .refine((limits) => limits.max_held_bytes >= limits.max_body_bytes, {
      error: "must not be less than max_body_bytes",
      path: ["max_held_bytes"],
    })
    .prefault({}),
  streams: z
    .strictObject({
      open_after: duration.prefault("1s"),
      heartbeat: duration.prefault("15s"),
      idle_timeout: duration.prefault("5m"),
    })
    .prefault({}),
  docs: z.union([z.boolean(), z.strictObject({ title: text })], "must be true, false, or have a title").default(true),
  stop: z.strictObject({ delay: duration.prefault("0s"), timeout: duration.prefault("10s") }).prefault({}),
  metrics: z.strictObject({ port: port.default(0) }).prefault({}),
  registry: z.strictObject({ nats: text }).optional(),
});

/** What a valid file says. */
export type ConfigValues = z.output<typeof configShape>;

/** Every name that may stand in the file. */
export const configNames: readonly string[] = [
  ...[
    "listen",
    "host",
    "port",
    "upstreams",
    "address",
    "descriptors",
    "reflect",
    "services",
    "tls",
    "ca",
    "cert",
    "key",
  ],
  ...["server_name", "http", "rules", "cors", "origins", "auth", "issuer", "jwks", "audience", "roles_claim", "public"],
  ...[
    "limits",
    "max_body_bytes",
    "max_held_bytes",
    "max_upload_bytes",
    "deadline",
    "stream_deadline",
    "reflection",
    "stop",
    "delay",
    "timeout",
    "metrics",
  ],
  ...["registry", "nats", "streams", "open_after", "heartbeat", "idle_timeout", "docs", "title"],
  ...["head_timeout", "body_timeout", "stall_timeout"],
  ...["max_concurrent", "client_share", "trusted_proxies", "forwarded_header", "headers", "private_network"],
];
