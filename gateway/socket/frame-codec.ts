import {
  type DescMessage,
  type DescMethod,
  fromBinary,
  type Message,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { Code, ConnectError } from "@connectrpc/connect";
import { bodyText, compileBody } from "../rest/bind-body.ts";
import { compilePathValue } from "../rest/bind-path.ts";
import { compileEncode } from "../rest/encode-request.ts";
import type { MappingRules } from "../rest/mapping-rules.ts";
import type { PrintResponse } from "../rest/print-answer.ts";
import type { RequestField } from "../rest/request-field.ts";
import type { FrameCodec } from "./frames.ts";
import type { FrameFormat } from "./subprotocol.ts";

/** How JSON is read. */
export type JsonRules = MappingRules & { readonly registry: Registry };

/** How the messages of a call are read and printed. */
export interface CodecOptions {
  readonly rules: JsonRules;
  /** The request fields in the path, which are in every message, and their values. */
  readonly variables: readonly RequestField[];
  readonly values: readonly string[];
  readonly printResponse: PrintResponse;
}

/** Creates the codec of a call's frames. */
export function createFrameCodec({ input }: DescMethod, format: FrameFormat, options: CodecOptions): FrameCodec {
  const { rules, variables, values, printResponse } = options;
  const bindValues = variables.map(compilePathValue);
  const bindPath = (message: Message) => {
    const target = reflect(input, message, false);
    for (const [index, bindValue] of bindValues.entries()) bindValue(target, values[index] ?? "");
    return message;
  };
  if (format === "proto") {
    const read = (frame: Buffer) => toBinary(input, bindPath(decode(input, frame)));
    return { format, read, write: (response) => response };
  }
  const rule = { ...rules, method: "GET", variables, body: "*" };
  const bindBody = compileBody(input, rule);
  const encode = compileEncode(input, rule, ({ body }) => bindPath(bindBody(body ? bodyText(body) : "")));
  return {
    format,
    read: (frame) => encode({ values, query: "", body: frame }),
    write: (response) => printResponse(response, false),
  };
}

function decode(input: DescMessage, frame: Buffer): Message {
  try {
    return fromBinary(input, frame);
  } catch {
    // The parser says only where in the bytes it stopped.
    throw new ConnectError(`the frame is no ${input.typeName}`, Code.InvalidArgument);
  }
}
