// A program that serves the echo and whose event loop is late all the time. It tells its parent the address, and ends
// with it.
import { busyEventLoop, contractWith } from "./admission.fixture.ts";
import { echoServer } from "./echo-server.fixture.ts";

const echo = await echoServer(
  { inTurn: async () => ({ text: "busy" }) },
  { contract: contractWith({ maxEventLoopLagMs: 50, quantile: 0.5, minSamples: 10 }) },
);
process.once("disconnect", () => process.exit());
process.send?.({ address: echo.address }, () => void busyEventLoop());
