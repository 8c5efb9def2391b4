import { create, type DescEnum, getOption, hasOption } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Metadata } from "@grpc/grpc-js";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { error as errorReason } from "#gen/heddle/v1/error_pb.ts";
import { Refusal } from "#mesh/refusal";
import { randomHex } from "#mesh/telemetry";
import { packDetails, writeDetails } from "../error-details.ts";
import { addHeaders, SentMetadata } from "../metadata.ts";
import { Overload } from "../overload.ts";
import type { CallEnd, ServerCall } from "../server-call.ts";
import type { Interceptor } from "../step.ts";

const SUCCESS: CallEnd = { code: 0, message: "" };
/** Longer messages are cut: trailers have a limit, and the message would be in them twice. */
const MAX_MESSAGE_LENGTH = 1024;

/** What the errors of one service are made of. */
export interface ErrorSources {
  /** Name of the contract, the domain of google.rpc.ErrorInfo. */
  readonly domain: string;
  /** The enum that refusals take their reasons from. */
  readonly reasons: DescEnum | undefined;
}

interface Reason {
  readonly name: string;
  readonly code: Code;
  readonly message: string;
}

/**
 * Ends each call with a status. A ConnectError passes with its details and metadata; a Refusal becomes the status that
 * its reason declares, with google.rpc.ErrorInfo; of anything else only an id leaves, under which the cause is logged.
 * A call that is aborted has its status at once, even where the handler pays no attention.
 */
export function mapErrors(sources: ErrorSources): Interceptor {
  const reasons = readReasons(sources.reasons);
  const fail = (call: ServerCall, error: unknown) => call.finish(endOf(error, sources.domain, reasons));
  return (next) => async (call) => {
    call.onAbort = fail;
    try {
      await next(call);
    } catch (error) {
      return fail(call, error);
    }
    call.finish(SUCCESS);
  };
}

function endOf(error: unknown, domain: string, reasons: ReadonlyMap<number, Reason>): CallEnd {
  if (error instanceof Overload) return endOfOverload(error);
  if (error instanceof ConnectError) return endOfConnectError(error);
  const reason = error instanceof Refusal ? reasons.get(error.reason) : undefined;
  if (!(error instanceof Refusal) || !reason) return endOfFault(error);
  const message = shorten(fill(reason.message, error.metadata));
  const info = create(ErrorInfoSchema, { reason: reason.name, domain, metadata: { ...error.metadata } });
  const trailer = new SentMetadata();
  writeDetails(trailer, { code: reason.code, message, details: [anyPack(ErrorInfoSchema, info)] });
  return { code: reason.code, message, trailer };
}

function endOfOverload({ answer, pushbackMs }: Overload): CallEnd {
  const end = endOfConnectError(answer);
  end.trailer.set("grpc-retry-pushback-ms", String(pushbackMs));
  return end;
}

function endOfConnectError(error: ConnectError): CallEnd & { readonly trailer: Metadata } {
  const message = shorten(error.rawMessage);
  const trailer = addHeaders(new SentMetadata(), error.metadata);
  writeDetails(trailer, { code: error.code, message, details: packDetails(error) });
  return { code: error.code, message, trailer };
}

function endOfFault(cause: unknown): CallEnd {
  const id = randomHex(8);
  return { code: Code.Internal, message: `internal error, id ${id}`, fault: { id, cause } };
}

function readReasons(reasons: DescEnum | undefined): ReadonlyMap<number, Reason> {
  const prefix = reasons?.sharedPrefix?.length ?? 0;
  const declared = (reasons?.values ?? []).filter((value) => hasOption(value, errorReason));
  return new Map(
    declared.map((value) => {
      const option = getOption(value, errorReason);
      // google.rpc.Code and Connect's Code are the same numbers.
      const code: number = option.code;
      return [value.number, { name: value.name.slice(prefix), code, message: option.message }] as const;
    }),
  );
}

function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (place, name: string) => values[name] ?? place);
}

function shorten(message: string): string {
  return message.length <= MAX_MESSAGE_LENGTH ? message : `${message.slice(0, MAX_MESSAGE_LENGTH)}…`;
}
