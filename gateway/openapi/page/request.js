/** Puts the request together that a filled-in form stands for. `values` are those of the parameters by name. */
export function buildRequest({ path, method, operation }, { values, body, token }) {
  const query = new URLSearchParams();
  const given = {};
  let filled = path;
  for (const parameter of operation.parameters ?? []) {
    const value = values[parameter.name] ?? "";
    if (parameter.in === "path") filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (parameter.in === "header") Object.assign(given, value && { [parameter.name]: value });
    else for (const each of listOf(parameter, value)) query.append(parameter.name, each);
  }
  const text = query.toString();
  const headers = {
    ...given,
    ...(token && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { "content-type": "application/json" }),
    ...(operation["x-streaming"] && { accept: "application/x-ndjson" }),
  };
  return { method, url: new URL(`.${filled}${text && `?${text}`}`, documentBase()).href, headers, body };
}

/** Where the document lies: the API may be served below a path. */
export function documentBase() {
  return new URL("./", location.href.replace(/\/docs(?:[/?#].*)?$/, "/"));
}

/** Whether an operation takes a stream of messages; here they are written as an array. */
export function takesStream(operation) {
  return operation["x-streaming"] === "client_streaming";
}

/** The message of the same request, for gRPC; of a stream one after the other. */
export function buildMessages(chosen, { values, body }) {
  const parsed = body === undefined ? undefined : JSON.parse(body);
  const bodies = takesStream(chosen.operation) && Array.isArray(parsed) ? parsed : [parsed];
  return bodies.map((each) => JSON.stringify(buildMessage(chosen, values, each))).join("\n");
}

function buildMessage({ operation }, values, parsed) {
  const message = {};
  if (parsed !== undefined) {
    const field = operation.requestBody?.["x-field"];
    if (field) message[field] = parsed;
    else Object.assign(message, parsed);
  }
  for (const parameter of operation.parameters ?? []) {
    const field = parameter["x-field"];
    const given = values[parameter.name] ?? "";
    if (field === undefined || given === "") continue;
    set(message, field.split("."), typed(parameter, given));
  }
  return message;
}

function listOf({ schema }, given) {
  if (given === "") return [];
  return schema.type === "array" ? given.split(",").map((each) => each.trim()) : [given];
}

function typed(parameter, given) {
  const { schema } = parameter;
  if (schema.type === "array") return listOf(parameter, given).map((each) => typed({ schema: schema.items }, each));
  if (schema.type === "integer" || schema.type === "number") return Number(given);
  return schema.type === "boolean" ? given === "true" : given;
}

function set(message, [first, ...rest], value) {
  if (rest.length === 0) message[first] = value;
  else {
    message[first] ??= {};
    set(message[first], rest, value);
  }
}

/** Reads newline-delimited JSON, and calls back with each value as it comes. */
export async function readLines(stream, each) {
  // Not piped through a TextDecoderStream: where the connection breaks, a pipe drops what has come before.
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.filter((text) => text.trim() !== "")) each(JSON.parse(line));
  }
  if (rest.trim() !== "") each(JSON.parse(rest));
}
