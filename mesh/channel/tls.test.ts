import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from "node:http2";
import { createSecureContext, createServer, TLSSocket } from "node:tls";
import { expect, test } from "vitest";
import { eventually } from "#mesh/testing";
import { CERTIFICATES } from "./certificates.fixture.ts";
import { createChannel } from "./channel.ts";
import type { SecureOptions } from "./options.ts";
import { callOnce } from "./outcome.fixture.ts";
import { answer } from "./raw-server.fixture.ts";
import { Status } from "./status.ts";

const { ca, first, second } = CERTIFICATES;
const PATH = "/test.Raw/Unary";

/** A server with mutual TLS that answers with the names in its client's certificate. It ends with the test's scope. */
async function secureServer() {
  const sessions = new Set<ServerHttp2Session>();
  const server: Http2SecureServer = createSecureServer({ ...first, ca, requestCert: true, rejectUnauthorized: true });
  const clients: (string | undefined)[] = [];
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {}).on("close", () => sessions.delete(session));
    if (session.socket instanceof TLSSocket) clients.push(session.socket.getPeerCertificate().subjectaltname);
  });
  server.on("stream", (stream) => answer(stream));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    server,
    sessions,
    clients,
    address: addressOf(server),
    [Symbol.dispose]: () => {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

function addressOf(server: { address(): unknown }): string {
  const address = server.address();
  if (typeof address !== "object" || address === null || !("port" in address)) throw new Error("no port");
  return `127.0.0.1:${address.port}`;
}

function channelTo(address: string, secure: Partial<SecureOptions> = {}) {
  const context = () => createSecureContext({ ca, ...second });
  const channel = createChannel({ addresses: [address], secure: { context, serverName: "order.test", ...secure } });
  return Object.assign(channel, { [Symbol.dispose]: () => channel.close() });
}

test("calls go over mutual TLS", async () => {
  using server = await secureServer();
  using channel = channelTo(server.address);
  expect((await callOnce(channel, PATH)).status.code).toBe(Status.OK);
  expect(server.clients).toEqual([expect.stringContaining("spiffe://test/shop/second")]);
});

test("certificates that were replaced are used by the next handshake, and the standing connection stays", async () => {
  using server = await secureServer();
  let own: { cert: string; key: string } = second;
  using channel = channelTo(server.address, { context: () => createSecureContext({ ca, ...own }) });
  await callOnce(channel, PATH);
  own = first;
  await callOnce(channel, PATH);
  expect(server.clients).toHaveLength(1);
  for (const session of server.sessions) session.close();
  await eventually(async () => {
    expect((await callOnce(channel, PATH)).status.code).toBe(Status.OK);
    expect(server.clients).toHaveLength(2);
  });
  expect(server.clients[1]).toContain("spiffe://test/shop/first");
});

test("the server has to be whom the check of its certificate wants", async () => {
  using server = await secureServer();
  const asked: (string | undefined)[] = [];
  const verifyPeer: SecureOptions["verifyPeer"] = ({ subjectaltname }) => {
    asked.push(subjectaltname);
    return subjectaltname?.includes("spiffe://test/shop/second") ? undefined : new Error("it is not shop.second");
  };
  using channel = channelTo(server.address, { verifyPeer });
  const { status } = await callOnce(channel, PATH);
  expect(status).toMatchObject({ code: Status.UNAVAILABLE, message: expect.stringContaining("it is not shop.second") });
  expect(asked).toEqual([expect.stringContaining("spiffe://test/shop/first")]);
});

test.each([
  ["a name that is not in the certificate", { serverName: "payment.test" }],
  ["a certificate of somebody unknown", { context: () => createSecureContext({ ...second }) }],
  ["no certificate of one's own", { context: () => createSecureContext({ ca }) }],
])("%s is refused", async (_, secure) => {
  using server = await secureServer();
  using channel = channelTo(server.address, secure);
  expect((await callOnce(channel, PATH)).status.code).toBe(Status.UNAVAILABLE);
});

test("a server that does not agree on HTTP/2 is unavailable", async () => {
  const server = createServer({ ...first, ALPNProtocols: ["http/1.1"] }, (socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  using channel = channelTo(addressOf(server));
  expect((await callOnce(channel, PATH)).status.code).toBe(Status.UNAVAILABLE);
  server.close();
});
