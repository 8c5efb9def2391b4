// The service behind all gateways. It answers a gRPC call with frames that are made before, for a fraction of what a gRPC
// server costs: with one of those the other processor would be the limit, and hide what is to be measured.
import { createServer, type Socket } from "node:net";
import { toBinary } from "@bufbuild/protobuf";
import { CreateSessionResponseSchema, IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { CatalogService, GetProductResponseSchema } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { FrameWriter } from "../../mesh/http2/frame-writer.ts";
import { Flag, type Frame, FrameReader, FrameType, MAX_FRAME_BYTES, PREFACE } from "../../mesh/http2/frames.ts";
import { HeaderAssembly } from "../../mesh/http2/header-assembly.ts";
import { literal } from "../rpc/frames.ts";
import { product, session } from "./answers.ts";

const messages = new Map([
  [pathOf(IdentityService.method.createSession), framed(toBinary(CreateSessionResponseSchema, session))],
  [pathOf(CatalogService.method.getProduct), framed(toBinary(GetProductResponseSchema, product))],
]);
const header = Buffer.concat([literal(":status", "200"), literal("content-type", "application/grpc")]);
const trailer = literal("grpc-status", "0");
/** So much that no benchmark uses it up: nobody has to be told of what was read. */
const largeWindow = Buffer.from([0x7f, 0, 0, 0]);

const server = createServer({ noDelay: true }, serve);
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object") process.send?.(`127.0.0.1:${address?.port}`);
});

function serve(socket: Socket): void {
  const reader = new FrameReader();
  const writer = new FrameWriter(socket);
  const headers = new HeaderAssembly(MAX_FRAME_BYTES);
  const paths = new Map<number, string>();
  let preface = PREFACE.length;
  writer.write({ type: FrameType.SETTINGS }, Buffer.alloc(0));
  writer.write({ type: FrameType.WINDOW_UPDATE }, largeWindow);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    const passed = Math.min(preface, chunk.length);
    preface -= passed;
    reader.push(chunk.subarray(passed));
    for (let frame = reader.next(); frame; frame = reader.next()) take(frame);
  });

  function take(frame: Frame): void {
    const { type, flags, streamId, payload } = frame;
    if (type === FrameType.HEADERS || type === FrameType.CONTINUATION) {
      const path = headers.take(frame)?.fields.find(({ name }) => name === ":path")?.value;
      if (path !== undefined) paths.set(streamId, path);
    }
    if (type === FrameType.DATA && flags & Flag.END_STREAM) answer(streamId);
    const asks = type === FrameType.SETTINGS || type === FrameType.PING;
    if (asks && !(flags & Flag.ACK)) {
      writer.write({ type, flags: Flag.ACK }, type === FrameType.PING ? payload : Buffer.alloc(0));
    }
  }

  /** All of it fits the windows that clients open from the start: they open them again long before they are used up. */
  function answer(streamId: number): void {
    const message = messages.get(paths.get(streamId) ?? "") ?? Buffer.alloc(0);
    paths.delete(streamId);
    writer.write({ type: FrameType.HEADERS, flags: Flag.END_HEADERS, streamId }, header);
    writer.write({ type: FrameType.DATA, streamId }, message);
    writer.write({ type: FrameType.HEADERS, flags: Flag.END_HEADERS | Flag.END_STREAM, streamId }, trailer);
  }
}

/** A message as gRPC frames it. */
function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function pathOf({ parent, name }: { readonly parent: { readonly typeName: string }; readonly name: string }): string {
  return `/${parent.typeName}/${name}`;
}
