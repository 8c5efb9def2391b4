// Ends with code 0 when a process serves, with 1 and the reason when it does not:
//   node deploy/healthcheck.ts grpc://127.0.0.1:50054          grpc.health.v1, the whole server
//   node deploy/healthcheck.ts http://127.0.0.1:8080/readyz    status 200
import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { type ChannelCredentials, Client, credentials } from "@grpc/grpc-js";
import { HealthCheckResponse_ServingStatus, HealthCheckResponseSchema } from "#gen/grpc/health/v1/health_pb.ts";
import { readTrust } from "#mesh/config";

const deadlineMs = 4_000;

/** What the process beside this one listens with, by the same environment. */
function ownCredentials(): ChannelCredentials {
  const trust = readTrust();
  if (!trust) return credentials.createInsecure();
  // Whoever has a certificate for this port of one's own machine is the process that is asked for.
  return credentials.createSsl(readFileSync(trust.authorities), null, null, { checkServerIdentity: () => undefined });
}

/** Throws when the server at host:port does not serve. */
async function checkGrpc(address: string): Promise<void> {
  // An address of numbers is no name for TLS, and Node warns of it (DEP0123).
  const client = new Client(address, ownCredentials(), { "grpc.ssl_target_name_override": "localhost" });
  const answer = Promise.withResolvers<Uint8Array>();
  // An empty request asks for the server as a whole, and an empty message has no bytes.
  const none = () => Buffer.alloc(0);
  const options = { deadline: Date.now() + deadlineMs };
  const received = (error: Error | null, bytes: Uint8Array = none()) =>
    error ? answer.reject(error) : answer.resolve(bytes);
  client.makeUnaryRequest("/grpc.health.v1.Health/Check", none, (bytes: Buffer) => bytes, undefined, options, received);
  try {
    const { status } = fromBinary(HealthCheckResponseSchema, await answer.promise);
    if (status !== HealthCheckResponse_ServingStatus.SERVING) throw new Error(`status ${status}`);
  } finally {
    client.close();
  }
}

/** Throws when the URL does not answer with status 200. */
async function checkHttp(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(deadlineMs), headers: { connection: "close" } });
  await response.body?.cancel();
  if (response.status !== 200) throw new Error(`status ${response.status}`);
}

const [target = ""] = process.argv.slice(2);
try {
  const url = new URL(target);
  await (url.protocol === "grpc:" ? checkGrpc(url.host) : checkHttp(target));
} catch (error) {
  process.stderr.write(`${target}: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
