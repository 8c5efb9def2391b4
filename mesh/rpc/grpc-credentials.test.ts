// What the mesh relies on in grpc.experimental and inside grpc-js, where another version may differ.
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTls } from "node:tls";
import { Client, Metadata, Server, ServerInterceptingCall, type ServerInterceptingCallInterface } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { certificateIdentity, guestIdentity, type TlsIdentity } from "#mesh/identity";
import { testAuthority } from "#mesh/testing";
import { channelCredentials, channelTlsOptions, peerCertificate, serverCredentials } from "./grpc-credentials.ts";

const trustDomain = "heddle.local";
const path = "/test.Bare/Call";
const same = (bytes: Buffer) => bytes;

/** A server of grpc-js alone, under TLS, that tells the test about each of its calls. */
async function bareServer(tls: TlsIdentity | undefined, onCall: (call: ServerInterceptingCallInterface) => void) {
  const server = new Server({
    interceptors: [
      (_, call) => {
        onCall(call);
        return new ServerInterceptingCall(call);
      },
    ],
  });
  const codec = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService(
    { call: { path, requestStream: false, responseStream: false, ...codec } },
    {
      call: (_: unknown, answer: (error: null, bytes: Buffer) => void) => answer(null, Buffer.alloc(0)),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", serverCredentials(tls), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { port, [Symbol.dispose]: () => server.forceShutdown() };
}

function callOnce(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, Buffer.alloc(0), new Metadata(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
}

test("a server is ready for its first connection, and the certificate of a connection is parsed once", async () => {
  using authority = await testAuthority();
  const own = certificateIdentity("a.b", {
    trustDomain,
    certificates: await authority.slot("spiffe://heddle.local/a/b"),
  });
  const seen: unknown[] = [];
  const parsed: unknown[] = [];
  using server = await bareServer(own.tls, (call) => {
    seen.push(peerCertificate(call));
    parsed.push(call.getAuthContext().sslPeerCertificate);
  });
  const ends = { identity: own, server: "a.b" };
  const client = new Client(`127.0.0.1:${server.port}`, channelCredentials(ends), channelTlsOptions(ends));
  await callOnce(client);
  await callOnce(client);
  client.close();
  expect(seen).toMatchObject([{ subjectaltname: expect.stringContaining("spiffe://heddle.local/a/b") }, seen[0]]);
  expect(seen[0]).toBe(seen[1]);
  // grpc-js itself makes another object each time: the connection was found behind the call.
  expect(parsed[0]).not.toBe(parsed[1]);
});

test("a client without a certificate has none at the server", async () => {
  using authority = await testAuthority();
  const certificates = await authority.slot("spiffe://heddle.local/a/b");
  const seen: unknown[] = [];
  const own = certificateIdentity("a.b", { trustDomain, certificates });
  using server = await bareServer(own.tls, (call) => seen.push(peerCertificate(call)));
  const ends = { identity: guestIdentity({ trustDomain, certificates }), server: "a.b" };
  const client = new Client(`127.0.0.1:${server.port}`, channelCredentials(ends), channelTlsOptions(ends));
  await callOnce(client);
  client.close();
  expect(seen).toEqual([undefined]);
});

test("a session that is resumed without a certificate has none at the server either", async () => {
  using authority = await testAuthority();
  const certificates = await authority.slot("spiffe://heddle.local/a/b");
  const own = certificateIdentity("a.b", { trustDomain, certificates });
  const seen: unknown[] = [];
  using server = await bareServer(own.tls, (call) => seen.push(peerCertificate(call)));
  const options = { ca: certificates.current().authorities, servername: "localhost", ALPNProtocols: ["h2"] };
  const url = `https://127.0.0.1:${server.port}`;
  const ticket = Promise.withResolvers<Buffer>();
  const first = connectTls({ ...options, host: "127.0.0.1", port: server.port });
  first.once("session", ticket.resolve).once("error", ticket.reject).resume();
  const resumed = connectHttp2(url, { ...options, session: await ticket.promise });
  first.destroy();
  const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
  const stream = resumed.request(headers).end(Buffer.alloc(5)).resume();
  await once(stream, "trailers");
  expect([Reflect.get(resumed.socket, "isSessionReused")?.call(resumed.socket), seen]).toEqual([true, [undefined]]);
  resumed.close();
});

test("plain text has no certificates", async () => {
  const seen: unknown[] = [];
  using server = await bareServer(undefined, (call) => seen.push(peerCertificate(call)));
  const client = new Client(`127.0.0.1:${server.port}`, channelCredentials({}));
  await callOnce(client);
  client.close();
  expect(seen).toEqual([undefined]);
});
