import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { remoteKeys } from "./remote-keys.ts";

function issuer() {
  const state = { fetches: 0, away: false };
  const transport = createRouterTransport(({ service }) => {
    service(JsonWebKeyService, {
      listJsonWebKeys() {
        state.fetches++;
        if (state.away) throw new ConnectError("away", Code.Unavailable);
        return { keys: [{ kty: "OKP", crv: "Ed25519", x: "x", kid: `k${state.fetches}`, alg: "EdDSA", use: "sig" }] };
      },
    });
  });
  return { state, client: createClient(JsonWebKeyService, transport) };
}

test("concurrent askers share one fetch and later ones its result", async () => {
  const { state, client } = issuer();
  const source = remoteKeys(client);
  const [first, second] = await Promise.all([source.keys(), source.keys()]);
  expect(first).toBe(second);
  expect(await source.keys()).toBe(first);
  expect(first.keys[0]?.kid).toBe("k1");
  expect(state.fetches).toBe(1);
});

test("fresh keys are fetched again, but not within the cool-down", async () => {
  const { state, client } = issuer();
  const eager = remoteKeys(client, { coolDownMs: 0 });
  await eager.keys();
  expect((await eager.keys({ fresh: true })).keys[0]?.kid).toBe("k2");
  const patient = remoteKeys(client, { coolDownMs: 60_000 });
  await patient.keys();
  await patient.keys({ fresh: true });
  expect(state.fetches).toBe(3);
});

test("known keys outlive the issuer", async () => {
  const { state, client } = issuer();
  const source = remoteKeys(client, { coolDownMs: 0, maxAgeMs: -1 });
  const known = await source.keys();
  state.away = true;
  expect(await source.keys()).toBe(known);
  expect(state.fetches).toBe(2);
});

test("without any key the issuer's absence shows, until it is back", async () => {
  const { state, client } = issuer();
  state.away = true;
  const source = remoteKeys(client);
  await expect(source.keys()).rejects.toMatchObject({ code: Code.Unavailable });
  state.away = false;
  expect((await source.keys()).keys).toHaveLength(1);
});
