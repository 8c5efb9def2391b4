import fc from "fast-check";

/** The rpc paths of the library. */
export const rpc = (method: string) => `/test.library.v1.Library/${method}`;

/** A request with what it takes to be let in, but for the framing of its body. */
export function request(line: string, fields: readonly string[] = [], body = ""): string {
  const head = [`${line} HTTP/1.1`, "Host: library", "Authorization: Bearer ann:user", ...fields];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

/** The same with a body of the length that it says. */
export function withBody(line: string, type: string, body: string, fields: readonly string[] = []): string {
  return request(line, [`Content-Type: ${type}`, `Content-Length: ${body.length}`, ...fields], body);
}

/** Bytes as text, one letter each. */
export const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

/** The same, of any kind. */
export const anyBytes = (maxLength: number) => fc.uint8Array({ maxLength }).map(latin1);

/** Up to so many of them. */
export const some = <T>(arbitrary: fc.Arbitrary<T>, maxLength: number) => fc.array(arbitrary, { maxLength });

/** Cuts bytes at some of their places. */
export function inPieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((one, other) => one - other);
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length));
}
