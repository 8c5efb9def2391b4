import { buildMessages, buildRequest, documentBase } from "./request.js";

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const lines = (...parts) => parts.filter((part) => part !== "").join(" \\\n  ");

/** The same call for a shell. The token is left to the variable TOKEN, so that it is not in anybody's history. */
export const snippets = {
  curl(chosen, input) {
    const { method, url, headers, body } = buildRequest(chosen, { ...input, token: "" });
    return lines(
      `curl ${method === "GET" ? "" : `-X ${method} `}${quote(url)}`,
      input.token ? '-H "authorization: Bearer $TOKEN"' : "",
      ...Object.entries(headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
      body === undefined ? "" : `-d ${quote(body)}`,
    );
  },
  grpcurl(chosen, input) {
    const { host, protocol } = documentBase();
    return lines(
      `grpcurl ${protocol === "http:" ? "-plaintext " : ""}-protoset <(curl -s ${quote(contracts())})`,
      input.token ? '-H "authorization: Bearer $TOKEN"' : "",
      `-d ${quote(buildMessages(chosen, input))}`,
      `${host} ${chosen.operation["x-rpc"]}`,
    );
  },
  "buf curl"(chosen, input) {
    return lines(
      `buf curl --schema ${quote(contracts())}`,
      input.token ? '-H "authorization: Bearer $TOKEN"' : "",
      `-d ${quote(buildMessages(chosen, input))}`,
      quote(new URL(`.${`/${chosen.operation["x-rpc"]}`}`, documentBase()).href),
    );
  },
};

function contracts() {
  return new URL("docs/contracts.binpb", documentBase()).href;
}
