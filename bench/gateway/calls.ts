/** The REST calls that are measured, as bytes on the wire. */
export const calls = {
  "POST /v1/sessions": post(
    "/v1/sessions",
    JSON.stringify({ email: "ada@heddle.local", password: "a long enough password" }),
  ),
  "GET /v1/products/{id}": get("/v1/products/0198c0de-0000-7000-8000-000000000001"),
} as const;

/** Name of a measured call. */
export type CallName = keyof typeof calls;

function post(path: string, body: string): string {
  const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}`;
  return `POST ${path} HTTP/1.1\r\nhost: bench\r\n${head}\r\n\r\n${body}`;
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: bench\r\n\r\n`;
}
