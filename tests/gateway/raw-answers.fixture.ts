/** An answer of HTTP/1.1 as it was written. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** What a gateway may say to whatever it is sent. 500 and 502 are none of it. */
const documented = new Set([
  ...[100, 101, 200, 201, 204, 400, 401, 403, 404, 405, 406, 408, 409, 411, 412, 413, 414, 415, 417, 422, 426, 429],
  ...[431, 499, 501, 503, 504, 505],
]);

/** An error in the words of REST, Connect and gRPC-Web. */
const internal = /"code":(?:13|"internal")|grpc-status: 13\b/;

/**
 * Reads what came over a connection, answer by answer, as strictly as RFC 9112 has it. Throws for what is no answer. The
 * last one may be cut off: it is left out. What follows a 101 is another protocol's.
 */
export function readAnswers(received: Buffer, { toHead }: { readonly toHead: boolean }): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = received.toString("latin1");
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return answers;
    const head = readHead(rest.slice(0, end));
    const taken = readBody(head, rest.slice(end + 4), toHead);
    if (taken === undefined) return answers;
    if (internal.test(taken.body)) throw new Error(`the gateway blames itself: ${taken.body}`);
    answers.push({ ...head, body: taken.body });
    if (head.status === 101) return answers;
    rest = taken.rest;
  }
  return answers;
}

/** Whether the last answer that is complete is a final one. */
export function isAnswered(received: Buffer, toHead: boolean): boolean {
  const last = readAnswers(received, { toHead }).at(-1);
  return last !== undefined && (last.status === 101 || last.status >= 200);
}

type Head = Omit<RawAnswer, "body">;

function readHead(text: string): Head {
  const [line = "", ...fields] = text.split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3}) [ -~]*$/.exec(line)?.[1]);
  if (!documented.has(status)) throw new Error(`no answer of a gateway: ${line}`);
  const headers = new Map<string, string>();
  for (const field of fields) {
    const [, name, value = ""] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([\t -~\x80-\xff]*)$/.exec(field) ?? [];
    if (name === undefined) throw new Error(`no header: ${JSON.stringify(field)}`);
    if (/^(content-length|transfer-encoding)$/i.test(name) && headers.has(name.toLowerCase())) {
      throw new Error(`${name} is there twice`);
    }
    headers.set(name.toLowerCase(), value);
  }
  return { status, headers };
}

/** Undefined for a body that is not there as a whole. */
function readBody({ status, headers }: Head, text: string, toHead: boolean) {
  const [length, coding] = [headers.get("content-length"), headers.get("transfer-encoding")];
  if (length !== undefined && coding !== undefined) throw new Error("an answer is framed twice");
  if (status < 200 || status === 204 || (toHead && /^(?:$|HTTP\/)/.test(text))) return { body: "", rest: text };
  if (length !== undefined) {
    if (!/^\d+$/.test(length)) throw new Error(`no length: ${length}`);
    const end = Number(length);
    return text.length < end ? undefined : { body: text.slice(0, end), rest: text.slice(end) };
  }
  if (coding === "chunked") return readChunks(text);
  if (headers.get("connection") !== "close") throw new Error("nothing says where the body ends");
  return { body: text, rest: "" };
}

function readChunks(text: string) {
  let [body, at] = ["", 0];
  for (;;) {
    const end = text.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const line = text.slice(at, end);
    if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`no size of a chunk: ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    const next = end + 2 + size;
    if (text.length < next + 2) return undefined;
    if (text.slice(next, next + 2) !== "\r\n") throw new Error("a chunk is longer than it says");
    if (size === 0) return { body, rest: text.slice(next + 2) };
    body += text.slice(end + 2, next);
    at = next + 2;
  }
}
