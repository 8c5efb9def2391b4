import { readFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { stripTypeScriptTypes } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const connect = "/node_modules/@connectrpc/connect/dist/esm";
const protobuf = "/node_modules/@bufbuild/protobuf/dist/esm";

/** What a bundler would find out by itself. */
const imports = {
  "@bufbuild/protobuf": `${protobuf}/index.js`,
  "@bufbuild/protobuf/codegenv2": `${protobuf}/codegenv2/index.js`,
  "@bufbuild/protobuf/reflect": `${protobuf}/reflect/index.js`,
  "@bufbuild/protobuf/wire": `${protobuf}/wire/index.js`,
  "@bufbuild/protobuf/wkt": `${protobuf}/wkt/index.js`,
  "@bufbuild/protovalidate/gen/": "/node_modules/@bufbuild/protovalidate/dist/esm/gen/",
  "@connectrpc/connect": `${connect}/index.js`,
  "@connectrpc/connect/protocol": `${connect}/protocol/index.js`,
  "@connectrpc/connect/protocol-connect": `${connect}/protocol-connect/index.js`,
  "@connectrpc/connect/protocol-grpc-web": `${connect}/protocol-grpc-web/index.js`,
  "@connectrpc/connect-web": "/node_modules/@connectrpc/connect-web/dist/esm/index.js",
  "#gen/": "/gen/",
};

const page = `<!doctype html>
<meta charset="utf-8"><title>page</title><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script>`;

/** A site of an origin of its own. */
export interface PageServer extends AsyncDisposable {
  /** Its origin; "/" is an empty page that may import this repository's modules. */
  readonly url: string;
}

/** Serves the modules of this repository, those in TypeScript without their types. */
export async function startPageServer(): Promise<PageServer> {
  const server = createServer(async ({ url = "/" }, response) => {
    if (url === "/") return send(response, "text/html", page);
    try {
      const text = await readFile(join(root, new URL(url, "http://page").pathname), "utf8");
      send(response, "text/javascript", url.endsWith(".ts") ? stripTypeScriptTypes(text) : text);
    } catch (error) {
      response.writeHead(404).end(String(error));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { "content-type": type }).end(body);
}
