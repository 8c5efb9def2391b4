import {
  type ChannelOptions,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";

/** Paths of the methods of the server. */
export const PATHS = {
  /** Answers with the request. */
  unary: "/test.Bytes/Unary",
  /** Answers never. */
  hang: "/test.Bytes/Hang",
  /** Answers with the request again and again, as fast as it is read, until it is cancelled. */
  endless: "/test.Bytes/Endless",
  /** Answers with the request, as often as its length says. */
  repeat: "/test.Bytes/Repeat",
  /** Answers with the number of requests. */
  count: "/test.Bytes/Count",
  /** Reads one request and then no more. */
  lazy: "/test.Bytes/Lazy",
  /** Answers each request with itself. */
  bidi: "/test.Bytes/Bidi",
} as const;

type Bytes = ServerUnaryCall<Buffer, Buffer>;
type Readable = ServerReadableStream<Buffer, Buffer>;

const same = (bytes: Buffer) => bytes;

/** What the server has seen. */
export interface BytesServerCounts {
  /** Calls that have begun and not ended. */
  open: number;
  /** Answers of `endless` so far. */
  produced: number;
  /** Requests of `lazy` so far. */
  read: number;
  metadata: Metadata | undefined;
}

/** Starts a plain grpc-js server of bytes; it ends with the test's scope. */
export async function bytesServer(options: ChannelOptions = {}, port = 0) {
  const counts: BytesServerCounts = { open: 0, produced: 0, read: 0, metadata: undefined };
  const server = new Server({ "grpc.enable_channelz": 0, ...options });
  const begin = (call: { metadata: Metadata; once(name: "close" | "cancelled", heard: () => void): unknown }) => {
    counts.open++;
    counts.metadata = call.metadata;
    let ended = false;
    return () => {
      if (!ended) counts.open--;
      ended = true;
    };
  };
  const handlers = {
    unary(call: Bytes, answer: sendUnaryData<Buffer>) {
      begin(call)();
      answer(null, call.request);
    },
    hang(call: Bytes) {
      call.once("cancelled", begin(call));
    },
    endless(call: ServerWritableStream<Buffer, Buffer>) {
      call.once("cancelled", begin(call));
      const produce = () => {
        while (!call.cancelled) {
          counts.produced++;
          if (!call.write(call.request)) return call.once("drain", produce);
        }
      };
      produce();
    },
    repeat(call: ServerWritableStream<Buffer, Buffer>) {
      for (let time = 0; time < call.request.length; time++) call.write(call.request);
      call.end();
    },
    count(call: Readable, answer: sendUnaryData<Buffer>) {
      const end = begin(call);
      let number = 0;
      call.once("cancelled", end);
      call.on("data", () => {
        number++;
      });
      call.on("end", () => {
        end();
        answer(null, Buffer.from(String(number)));
      });
    },
    lazy(call: Readable) {
      call.once("cancelled", begin(call));
      call.on("data", () => {
        counts.read++;
        call.pause();
      });
    },
    bidi(call: ServerDuplexStream<Buffer, Buffer>) {
      const end = begin(call);
      call.once("cancelled", end);
      call.on("data", (message: Buffer) => call.write(message));
      call.on("end", () => {
        end();
        call.end();
      });
    },
  };
  server.addService(definition(), handlers);
  const bound = await bind(server, port);
  return {
    server,
    counts,
    port: bound,
    address: `127.0.0.1:${bound}`,
    [Symbol.dispose]: () => server.forceShutdown(),
  };
}

function definition() {
  const streamsOut = ["endless", "repeat", "bidi"];
  const streamsIn = ["count", "lazy", "bidi"];
  return Object.fromEntries(
    Object.entries(PATHS).map(([name, path]) => [
      name,
      {
        path,
        requestStream: streamsIn.includes(name),
        responseStream: streamsOut.includes(name),
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    ]),
  );
}

function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
}
