import type { DescMethod } from "@bufbuild/protobuf";
import type { Call, CallListener, CallRequest, ReceivedMetadata } from "#mesh/channel";
import type { CallExplanation } from "#mesh/resilience";

/** A call as the policies of its method see it. */
export interface MeshCallRequest extends CallRequest {
  readonly method: DescMethod;
  readonly requestId: string;
  /** Value of the field that keeps calls to one endpoint; undefined where the contract names none. */
  readonly affinity?: string | undefined;
}

/** Told what comes of a call, and why. */
export interface MeshCallListener extends CallListener {
  /** Before the end of a call that has failed; not of one that its caller has cancelled. */
  onFailed?(explanation: CallExplanation): void;
}

/** Starts calls whose method is known. Every Channel can stand for one. */
export interface MeshChannel {
  start(request: MeshCallRequest, listener: MeshCallListener): Call;
  close(): void;
}

/** The answer to a unary call. */
export interface UnaryAnswer {
  readonly header: ReceivedMetadata;
  readonly message: Buffer;
  readonly trailer: ReceivedMetadata;
}

/** The first value of a header in metadata as it is sent. */
export function sentHeader(metadata: readonly string[], name: string): string | undefined {
  for (let at = 0; at + 1 < metadata.length; at += 2) if (metadata[at] === name) return metadata[at + 1];
  return undefined;
}
