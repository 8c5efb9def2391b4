import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { readServiceConfig } from "#mesh/config";
import { run } from "#mesh/process";
import { identityService } from "./service.ts";

await run(() => identityService(readServiceConfig(IdentityService)));
