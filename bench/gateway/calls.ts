import { create, toBinary } from "@bufbuild/protobuf";
import { CreateSessionRequestSchema } from "#gen/platform/identity/v1/identity_service_pb.ts";

const session = { email: "ada@heddle.local", password: "a long enough password" };
const rpc = "/platform.identity.v1.IdentityService/CreateSession";

/** The calls that are measured, as bytes on the wire. */
export const calls = {
  "POST /v1/sessions": post("/v1/sessions", "application/json", JSON.stringify(session)),
  "GET /v1/products/{id}": Buffer.from(
    "GET /v1/products/0198c0de-0000-7000-8000-000000000001 HTTP/1.1\r\nhost: bench\r\n\r\n",
  ),
  "Connect JSON CreateSession": post(rpc, "application/json", JSON.stringify(session)),
  "Connect proto CreateSession": post(
    rpc,
    "application/proto",
    toBinary(CreateSessionRequestSchema, create(CreateSessionRequestSchema, session)),
  ),
} as const;

/** Name of a measured call. */
export type CallName = keyof typeof calls;

function post(path: string, type: string, body: string | Uint8Array): Buffer {
  const bytes = Buffer.from(body);
  const head = `host: bench\r\ncontent-type: ${type}\r\ncontent-length: ${bytes.length}`;
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n\r\n`), bytes]);
}
