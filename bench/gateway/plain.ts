// As little as can answer the calls: node:http and protobuf-es, with nobody behind. What is beyond it is the cost of a
// gateway, its call to the service included.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { fromJsonString, toJsonString } from "@bufbuild/protobuf";
import {
  CreateSessionRequestSchema,
  CreateSessionResponseSchema,
} from "#gen/platform/identity/v1/identity_service_pb.ts";
import { session } from "./answers.ts";

const server = createServer(async (request, response) => {
  fromJsonString(CreateSessionRequestSchema, await textOf(request), { ignoreUnknownFields: true });
  const json = toJsonString(CreateSessionResponseSchema, session, { alwaysEmitImplicit: true });
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(json) }).end(json);
});
server.listen(0, "127.0.0.1", () => process.send?.(String((server.address() as AddressInfo).port)));

function textOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => resolve(text));
  });
}
