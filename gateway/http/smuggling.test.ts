import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { startLibrary } from "../library.fixture.ts";

// Requests that a server in front of the gateway may have understood otherwise (RFC 9112, section 11.2).
const chunked = "Transfer-Encoding: chunked\r\n";
const inChunks = "\r\n0\r\n\r\n";
const shapes: readonly (readonly [name: string, head: string, status?: number])[] = [
  ["a length and chunks", `Content-Length: 5\r\n${chunked}${inChunks}`],
  ["two lengths", "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello"],
  ["the same length twice", "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"],
  ["a list of lengths", "Content-Length: 5, 5\r\n\r\nhello"],
  ["a length with a sign", "Content-Length: +5\r\n\r\nhello"],
  ["a hexadecimal length", "Content-Length: 0x5\r\n\r\nhello"],
  ["an empty length", "Content-Length:\r\n\r\nhello"],
  ["a space before the colon", "Content-Length : 5\r\n\r\nhello"],
  ["a folded length", "Content-Length:\r\n 5\r\n\r\nhello"],
  ["a folded header", "X: a\r\n b\r\n\r\n"],
  ["a coding that is nearly chunked", `Transfer-Encoding: xchunked\r\n${inChunks}`, 501],
  ["a vertical tab before the coding", `Transfer-Encoding:\u000bchunked\r\n${inChunks}`],
  ["a coding after chunked", `Transfer-Encoding: chunked, gzip\r\n${inChunks}`],
  ["chunked twice", `Transfer-Encoding: chunked, chunked\r\n${inChunks}`],
  ["two codings in two headers", `${chunked}Transfer-Encoding: identity\r\n${inChunks}`],
  ["a coding that is not known", `Transfer-Encoding: gzip, chunked\r\n${inChunks}`, 501],
  ["a bare line feed", "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a bare carriage return", "X: a\rb\r\n\r\n"],
  ["NUL in a value", "X: a\u0000b\r\n\r\n"],
  ["NUL in a name", "X\u0000: a\r\n\r\n"],
  ["no name", ": a\r\n\r\n"],
  ["two hosts", "Host: other\r\nContent-Length: 0\r\n\r\n"],
  ["a hexadecimal prefix of a chunk", `${chunked}\r\n0x5\r\nhello\r\n0\r\n\r\n`],
  ["bare line feeds between chunks", `${chunked}\r\n5\nhello\n0\n\n`],
  ["a chunk longer than it says", `${chunked}\r\n5\r\nhello!\r\n0\r\n\r\n`],
  ["a chunk of more than all bytes", `${chunked}\r\nfffffffffffffffff\r\n`],
];

async function send(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) }).on("error", () => undefined);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.write(Buffer.from(text, "latin1"));
  await once(socket, "close");
  return Buffer.concat(chunks).toString();
}

const smuggled = "GET /v1/books/smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

test.each(shapes)("%s is refused, and what follows is no request", async (_, head, status = 400) => {
  await using library = await startLibrary();
  const authorization = "Authorization: Bearer ann:user";
  const text = await send(library.url, `POST /v1/books HTTP/1.1\r\nHost: x\r\n${authorization}\r\n${head}${smuggled}`);
  expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(text).not.toContain("smuggled");
});

test.each([
  ["x", 200],
  ["x:80", 200],
  ["[::1]:80", 200],
  ["", 200],
  ["a b", 400],
  ["a/b", 400],
  ["a@b", 400],
  ["x:y", 400],
  ["[x", 400],
])("the host %j is %i", async (host, status) => {
  await using library = await startLibrary();
  const text = await send(library.url, `GET /v1/books/7 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
});
