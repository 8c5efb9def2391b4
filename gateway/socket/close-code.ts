import { Code, type ConnectError } from "@connectrpc/connect";
import { goingAway } from "../http/going-away.ts";

/** How a WebSocket ends. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** The call went well. */
export const wellDone: Closing = { code: 1000, reason: "ok" };

/** Codes from 4000 on are free for applications (RFC 6455, section 7.4.2): 4000 and the gRPC code, 4005 for NOT_FOUND. */
export function closingOf(error: ConnectError): Closing {
  return { code: error === goingAway ? 1001 : 4000 + error.code, reason: Code[error.code] };
}
