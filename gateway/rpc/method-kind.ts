import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodStreaming,
  DescMethodUnary,
} from "@bufbuild/protobuf";

/** One message in, one out. */
export function isUnary(method: DescMethod): method is DescMethod & DescMethodUnary {
  return method.methodKind === "unary";
}

/** One message in, a stream out. */
export function isServerStreaming(method: DescMethod): method is DescMethod & DescMethodServerStreaming {
  return method.methodKind === "server_streaming";
}

/** A stream in, one message out. */
export function isClientStreaming(method: DescMethod): method is DescMethod & DescMethodClientStreaming {
  return method.methodKind === "client_streaming";
}

/** A stream in, a stream out. */
export function isBidiStreaming(method: DescMethod): method is DescMethod & DescMethodBiDiStreaming {
  return method.methodKind === "bidi_streaming";
}

/** A stream in at least one direction. */
export function isStreaming(method: DescMethod): method is DescMethod & DescMethodStreaming {
  return !isUnary(method);
}
