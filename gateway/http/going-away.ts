import { Code, ConnectError } from "@connectrpc/connect";

/** What ends the streams that still run when the gateway has drained for long enough; they can be made again elsewhere. */
export const goingAway = new ConnectError("the gateway is stopping", Code.Unavailable);
