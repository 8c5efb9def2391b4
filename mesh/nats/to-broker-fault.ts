import { NatsError } from "nats";
import { BrokerFault, type BrokerFaultKind } from "./broker-fault.ts";

/** JetStream's own error codes (err_code) that ask for something other than trying again. */
const kindOfApiError: ReadonlyMap<number, BrokerFaultKind> = new Map([
  [10059, "no stream"],
  [10077, "full"],
  [10023, "full"],
  [10047, "full"],
  [10054, "refused"],
  [10060, "refused"],
  [10058, "drift"],
]);

const refusedByClient = ["MAX_PAYLOAD_EXCEEDED", "BAD_SUBJECT", "BAD_HEADER", "INVALID_PAYLOAD"];

/** Says what an error of the client means for us. */
export function toBrokerFault(error: unknown): BrokerFault {
  if (error instanceof BrokerFault) {
    return error;
  }
  if (error instanceof NatsError) {
    return new BrokerFault(kindOf(error), describe(error), { cause: error });
  }
  return new BrokerFault("away", error instanceof Error ? error.message : String(error), { cause: error });
}

/** JetStream's error code, where the error is an answer of JetStream. */
export function apiErrorCode(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined;
}

function kindOf(error: NatsError): BrokerFaultKind {
  const known = kindOfApiError.get(error.api_error?.err_code ?? 0);
  if (known !== undefined) {
    return known;
  }
  return refusedByClient.includes(error.code) ? "refused" : "away";
}

function describe(error: NatsError): string {
  const api = error.api_error;
  if (api !== undefined) {
    return `${api.description} (${api.err_code})`;
  }
  if (error.code === "503") {
    return "nobody stores the subject: the stream is missing or JetStream is off (start nats-server with -js)";
  }
  return error.message === error.code ? error.code : `${error.message} (${error.code})`;
}
