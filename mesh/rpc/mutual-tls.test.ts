import { connect, type PeerCertificate, type TLSSocket } from "node:tls";
import { Code, createClient } from "@connectrpc/connect";
import { Client, credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { certificateIdentity, guestIdentity, type ServiceIdentity, secretIdentity } from "#mesh/identity";
import { type TestAuthority, testAuthority } from "#mesh/testing";
import { errorOf } from "./catch-error.fixture.ts";
import { EchoService } from "./echo-contract.fixture.ts";
import { CHANNELS, echoServer, SECRET, transportOver, transportTo } from "./echo-server.fixture.ts";

const trustDomain = "heddle.local";
const idOf = (service: string) => `spiffe://${trustDomain}/${service.replaceAll(".", "/")}`;

let ours: TestAuthority;
let theirs: TestAuthority;
beforeAll(async () => {
  [ours, theirs] = [await testAuthority(), await testAuthority()];
});
afterAll(() => {
  ours[Symbol.dispose]();
  theirs[Symbol.dispose]();
});

async function identityOf(service: string, authority = ours): Promise<ServiceIdentity> {
  return certificateIdentity(service, { trustDomain, certificates: await authority.slot(idOf(service)) });
}

describe.each(CHANNELS)("over the channel %s", (channel) => {
  const to = transportOver(channel);

  test("a service is known by its certificate", async () => {
    await using echo = await echoServer({}, { identity: await identityOf("test.echo") });
    using transport = to(echo.address, { server: "test.echo", identity: await identityOf("shop.order") });
    const client = createClient(EchoService, transport);
    expect(await client.orderOnly({})).toMatchObject({ text: "shop.order" });
    expect(await client.orderOnly({})).toMatchObject({ text: "shop.order" });
    using other = to(echo.address, { server: "test.echo", identity: await identityOf("shop.payment") });
    expect(await errorOf(createClient(EchoService, other).orderOnly({}))).toMatchObject({
      code: Code.PermissionDenied,
    });
  });

  test("somebody without a certificate gets in, as nobody's service", async () => {
    await using echo = await echoServer({}, { identity: await identityOf("test.echo") });
    const identity = guestIdentity({ trustDomain, certificates: await ours.slot(idOf("nobody")) });
    using transport = to(echo.address, { server: "test.echo", identity });
    const client = createClient(EchoService, transport);
    expect(await client.unary({ text: "hello" })).toMatchObject({ text: "hello" });
    expect(await client.signedIn({}, { headers: { authorization: "Bearer ada" } })).toMatchObject({ text: "ada" });
    expect(await errorOf(client.orderOnly({}))).toMatchObject({ code: Code.PermissionDenied });
  });

  test("the header of plain text proves nothing under TLS", async () => {
    await using echo = await echoServer({}, { identity: await identityOf("test.echo") });
    const identity = guestIdentity({ trustDomain, certificates: await ours.slot(idOf("nobody")) });
    using transport = to(echo.address, { server: "test.echo", identity });
    const headers = { "heddle-service": await secretIdentity("shop.order", SECRET).header() };
    const error = await errorOf(createClient(EchoService, transport).orderOnly({}, { headers }));
    expect(error).toMatchObject({ code: Code.PermissionDenied });
  });

  test("a certificate of another authority makes nobody a service", async () => {
    await using echo = await echoServer({}, { identity: await identityOf("test.echo") });
    const forged = await theirs.issue(idOf("shop.order"));
    const { authorities } = await ours.issue(idOf("shop.order"));
    const certificates = { current: () => ({ ...forged, authorities }), onChange: () => () => {} };
    const identity = certificateIdentity("shop.order", { trustDomain, certificates });
    using transport = to(echo.address, { server: "test.echo", identity });
    const error = await errorOf(createClient(EchoService, transport).orderOnly({}));
    expect(error).toMatchObject({ code: Code.PermissionDenied });
  });

  test("a certificate of another trust domain makes nobody a service", async () => {
    await using echo = await echoServer({}, { identity: await identityOf("test.echo") });
    const certificates = await ours.slot("spiffe://elsewhere/shop/order");
    const identity = certificateIdentity("shop.order", { trustDomain, certificates });
    using transport = to(echo.address, { server: "test.echo", identity });
    const error = await errorOf(createClient(EchoService, transport).orderOnly({}));
    expect(error).toMatchObject({ code: Code.PermissionDenied });
  });

  test("a server that is another service than the one called is not called", async () => {
    await using echo = await echoServer({}, { identity: await identityOf("shop.payment") });
    using transport = to(echo.address, { server: "test.echo", identity: await identityOf("shop.order") });
    const error = await errorOf(createClient(EchoService, transport).unary({}));
    expect(error.code).toBe(Code.Unavailable);
    expect(error.rawMessage).toContain(`should be ${idOf("test.echo")}`);
    expect(error.rawMessage).toContain(idOf("shop.payment"));
    expect(echo.records).toEqual([]);
  });

  test("a server of another authority is not called", async () => {
    await using echo = await echoServer({}, { identity: await identityOf("test.echo", theirs) });
    using transport = to(echo.address, { server: "test.echo", identity: await identityOf("shop.order") });
    expect(await errorOf(createClient(EchoService, transport).unary({}))).toMatchObject({ code: Code.Unavailable });
  });

  test("plain text and TLS do not meet, and do not keep a server from stopping", async () => {
    await using secure = await echoServer({}, { identity: await identityOf("test.echo") });
    using plain = to(secure.address);
    expect(await errorOf(createClient(EchoService, plain).unary({}))).toMatchObject({ code: Code.Unavailable });
    await using open = await echoServer({}, { drainTimeoutMs: 100 });
    using transport = to(open.address, { server: "test.echo", identity: await identityOf("shop.order") });
    expect(await errorOf(createClient(EchoService, transport).unary({}))).toMatchObject({ code: Code.Unavailable });
  });

  test("a channel under TLS must know whom it calls", async () => {
    const identity = await identityOf("shop.order");
    expect(() => to("127.0.0.1:1", { identity })).toThrow("which service it calls");
  });

  test("tools verify a service's host with the authority alone", async () => {
    await using echo = await echoServer({}, { identity: await identityOf("test.echo") });
    const { authorities } = await ours.issue(idOf("test.echo"));
    const port = echo.address.split(":")[1];
    const client = new Client(`localhost:${port}`, credentials.createSsl(Buffer.from(authorities)));
    const answer = Promise.withResolvers<Buffer>();
    const same = (bytes: Buffer) => bytes;
    const path = `/${EchoService.typeName}/Unary`;
    client.makeUnaryRequest(path, same, same, Buffer.alloc(0), (error, bytes) =>
      bytes ? answer.resolve(bytes) : answer.reject(error),
    );
    expect(await answer.promise).toEqual(Buffer.alloc(0));
    client.close();
  });

  test("new certificates are shown to those who connect, and connections stay", async () => {
    const [serverSlot, clientSlot] = [await ours.slot(idOf("test.echo")), await ours.slot(idOf("shop.order"))];
    const identity = certificateIdentity("test.echo", { trustDomain, certificates: serverSlot });
    const seen: PeerCertificate[] = [];
    const spying: ServiceIdentity = {
      ...identity,
      callerOf(shown) {
        if (shown.certificate) seen.push(shown.certificate);
        return identity.callerOf(shown);
      },
    };
    await using echo = await echoServer({}, { identity: spying });
    const caller = certificateIdentity("shop.order", { trustDomain, certificates: clientSlot });
    const ends = { server: "test.echo", identity: caller };
    using transport = to(echo.address, ends);
    const client = createClient(EchoService, transport);
    const rotated = Promise.withResolvers<void>();
    const stream = client.bidi(requestsAround(rotated.promise));
    const first = stream[Symbol.asyncIterator]();
    expect(await first.next()).toMatchObject({ value: { text: "BEFORE" } });
    const before = await serialOf(echo.address);

    serverSlot.replace(await ours.issue(idOf("test.echo")));
    clientSlot.replace(await ours.issue(idOf("shop.order")));
    rotated.resolve();
    // The stream goes on over the connection that was there before.
    expect(await first.next()).toMatchObject({ value: { text: "AFTER" } });
    expect(await first.next()).toMatchObject({ done: true });
    await client.orderOnly({});
    expect(new Set(seen).size).toBe(1);
    expect(await serialOf(echo.address)).not.toBe(before);
    // Another maximum keeps grpc-js from sharing the connection.
    using late = to(echo.address, { ...ends, maxMessageBytes: 1_000_000 });
    expect(await createClient(EchoService, late).orderOnly({})).toMatchObject({ text: "shop.order" });
    expect(new Set(seen.map(({ serialNumber }) => serialNumber)).size).toBe(2);
  });
});

test("a call within the process shows the certificate that it would show outside", async () => {
  const options = { local: true, identity: await identityOf("test.echo") };
  await using echo = await echoServer({}, options);
  const ends = { server: "test.echo", local: true };
  using order = transportTo(echo.address, { ...ends, identity: await identityOf("shop.order") });
  expect(await createClient(EchoService, order).orderOnly({})).toMatchObject({ text: "shop.order" });
  using payment = transportTo(echo.address, { ...ends, identity: await identityOf("shop.payment") });
  const error = await errorOf(createClient(EchoService, payment).orderOnly({}));
  expect(error).toMatchObject({ code: Code.PermissionDenied });
});

async function* requestsAround(rotated: Promise<void>) {
  yield { text: "before" };
  await rotated;
  yield { text: "after" };
}

/** The serial number of the certificate that a server shows to one who connects now. */
async function serialOf(address: string): Promise<string> {
  const [host = "", port] = address.split(":");
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  socket.once("secureConnect", () => resolve(socket)).once("error", reject);
  const { serialNumber } = (await promise).getPeerCertificate();
  socket.destroy();
  return serialNumber;
}
