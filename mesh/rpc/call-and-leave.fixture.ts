// A program that calls each of two servers and has nothing more to do: it must end though nothing is closed.
import { createClient } from "@connectrpc/connect";
import { createDiscovery } from "#mesh/discovery";
import { EchoService } from "./echo-contract.fixture.ts";
import { createTargetTransport } from "./mesh-transport.ts";

const transport = createTargetTransport({
  service: EchoService,
  address: process.argv[2] ?? "",
  discovery: createDiscovery(),
  place: { zone: "", seed: "leaving" },
});
const client = createClient(EchoService, transport);
for (let call = 0; call < 4; call++) process.stdout.write(`${(await client.inTurn({})).text}\n`);
