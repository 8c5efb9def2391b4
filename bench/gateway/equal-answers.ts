import { type CallName, calls } from "./calls.ts";

/** Throws unless all servers answer alike: a comparison of two that do not do the same would say nothing. */
export async function expectEqualAnswers(names: readonly CallName[], ports: readonly number[]): Promise<void> {
  for (const name of names) {
    const answers = await Promise.all(ports.map((port) => answerTo(name, port)));
    const [first, ...others] = answers;
    if (others.some((other) => other !== first))
      throw new Error(`${name}: the gateways answer differently: ${answers}`);
  }
}

/** The body as text, JSON in one order of members and without defaults that not everyone prints. */
async function answerTo(name: CallName, port: number): Promise<string> {
  const request = calls[name];
  const end = request.indexOf("\r\n\r\n");
  const [line = "", ...headers] = request.toString("latin1", 0, end).split("\r\n");
  const [method = "", path = ""] = line.split(" ");
  const type = headers.find((header) => header.startsWith("content-type"))?.split(": ")[1];
  const body = method === "POST" ? Uint8Array.from(request.subarray(end + 4)) : null;
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    body,
    headers: type ? { "content-type": type } : {},
  });
  if (answer.status !== 200) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  return type === "application/proto" ? bytes.toString("hex") : JSON.stringify(sorted(JSON.parse(bytes.toString())));
}

function sorted(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(sorted);
  if (typeof json !== "object" || json === null) return json;
  return Object.fromEntries(
    Object.entries(json)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => [key, sorted(value)]),
  );
}
