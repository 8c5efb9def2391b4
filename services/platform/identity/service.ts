import { fileURLToPath } from "node:url";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { IdentityErrorReasonSchema } from "#gen/platform/identity/v1/identity_errors_pb.ts";
import { file_platform_identity_v1_identity_events } from "#gen/platform/identity/v1/identity_events_pb.ts";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import type { ServiceConfig } from "#mesh/config";
import { createService, type ServiceParts } from "#mesh/service";
import { identityHandlers, keyHandlers, toJsonWebKey } from "./handlers.ts";
import { createKeyRepository } from "./key-repository.ts";
import { createKeyRing } from "./key-ring.ts";
import { createKeySeal } from "./key-seal.ts";
import { createPasswords } from "./password.ts";
import { periodic } from "./periodic.ts";
import { seedUsers } from "./seed.ts";
import { createSessionRepository } from "./session-repository.ts";
import { type IdentitySettings, readIdentitySettings } from "./settings.ts";
import { createSignIn } from "./sign-in.ts";
import { createUserRepository } from "./user-repository.ts";

const minuteMs = 60_000;
/** Verifiers ask for the keys at least every 10 minutes, the replicas of this service every minute. */
const announceAheadMs = 15 * minuteMs;
/** Clocks of replicas and verifiers may differ by this much. */
const clockSkewMs = 5 * minuteMs;
const now = () => new Date();

/** The identity service, ready to start. */
export function identityService(config: ServiceConfig, settings: IdentitySettings = readIdentitySettings()) {
  return createService({
    services: [IdentityService, JsonWebKeyService],
    events: file_platform_identity_v1_identity_events,
    reasons: IdentityErrorReasonSchema,
    migrations: fileURLToPath(new URL("migrations", import.meta.url)),
    config,
    build: (parts) => build(parts, config.meshSecret, settings),
  });
}

function build({ database, outbox, log }: ServiceParts, meshSecret: string, settings: IdentitySettings) {
  const { accessTokenMs, refreshTokenMs, rotateAfterMs } = settings;
  const keys = createKeyRing({
    repository: createKeyRepository(database),
    seal: createKeySeal(meshSecret),
    schedule: { rotateAfterMs, announceAheadMs, keepMs: accessTokenMs + clockSkewMs },
    now,
    log,
  });
  const users = createUserRepository(database, outbox);
  const sessions = createSessionRepository(database);
  const passwords = createPasswords();
  const signIn = createSignIn({ users, sessions, passwords, keys, accessTokenMs, refreshTokenMs, now });
  const removeExpired = () => sessions.removeExpired(now());
  return {
    handlers: [identityHandlers({ users, passwords, signIn, now }), keyHandlers(keys)],
    keys: { keys: async () => ({ keys: (await keys.publishedKeys()).map(toJsonWebKey) }) },
    parts: [
      periodic({ name: "signing keys", everyMs: minuteMs, work: keys.turn, log }),
      periodic({ name: "expired sessions", everyMs: 60 * minuteMs, work: removeExpired, log }),
    ],
    seed: () => seedUsers(settings, users, passwords),
  };
}
