import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { addressOf, readEnvironment, readTrust, serverOf, variable } from "#mesh/config";
import { readTarget } from "#mesh/discovery";
import { openGuest } from "#mesh/identity";
import { createMeshTransport } from "#mesh/rpc";
import { CommandFault } from "./command-fault.ts";
import { toGateway } from "./gateway.ts";

const shape = {
  HEDDLE_ADMIN_EMAIL: variable.text("admin@heddle.local"),
  HEDDLE_ADMIN_PASSWORD: variable.text("heddle-admin"),
  HEDDLE_TOKEN: variable.text(""),
};

/** HEDDLE_TOKEN, else a token for the admin that the environment names. Throws a CommandFault when there is none. */
export async function readToken(env: NodeJS.ProcessEnv): Promise<string> {
  const read = readEnvironment(shape, env);
  if (read.HEDDLE_TOKEN) return read.HEDDLE_TOKEN;
  const address = addressOf(IdentityService, env);
  using identity = toIdentity(address, env);
  const session = { email: read.HEDDLE_ADMIN_EMAIL, password: read.HEDDLE_ADMIN_PASSWORD };
  try {
    return (await createClient(IdentityService, identity).createSession(session)).accessToken;
  } catch (error) {
    const why = ConnectError.from(error).message;
    throw new CommandFault(`cannot sign in as ${session.email} at ${address}: ${why}
Set HEDDLE_ADMIN_EMAIL and HEDDLE_ADMIN_PASSWORD, or HEDDLE_TOKEN.`);
  }
}

/** Nobody can look into the registry before the sign-in, so a service that is found there is called through the gateway. */
function toIdentity(address: string, env: NodeJS.ProcessEnv): Transport & Disposable {
  if (readTarget(address)?.kind === "registry") return { ...toGateway(env), [Symbol.dispose]: () => undefined };
  const server = serverOf(IdentityService, env);
  const transport = createMeshTransport({ address, server, identity: openGuest(readTrust(env)) });
  return { ...transport, [Symbol.dispose]: () => transport.close() };
}
