/** What the screen shows. */
export interface Running {
  gatewayUrl: string;
  /** Names and addresses of the gRPC services. */
  services: readonly { readonly name: string; readonly address: string }[];
  dataFolder: string;
  postgresUrl: string;
  natsUrl: string;
  /** File with the authority that the services' certificates lead to; undefined for plain text. */
  authority: string | undefined;
  /** Whether the administrator has the password that everybody knows. */
  knownPassword: boolean;
}

/** The one screen after a start: where everything is, who may sign in, and three lines that place an order. */
export function startScreen(running: Running): string {
  const base = `localhost:${new URL(running.gatewayUrl).port}`;
  const services = running.services.map(({ name, address }) => `${name.padEnd(18)} ${address}`);
  const admin = running.knownPassword ? "heddle-admin" : "from HEDDLE_ADMIN_PASSWORD";
  return `
Heddle's shop is open. Ctrl-C closes it.

  HTTP       http://${base}   (REST, Connect, gRPC-Web, gRPC)
  gRPC       ${services.join("\n             ")}
  TLS        ${running.authority ? `verify with ${running.authority}` : "off (HEDDLE_TLS)"}
  Postgres   ${withoutPassword(running.postgresUrl)}
  NATS       ${withoutPassword(running.natsUrl)}
  Data       ${running.dataFolder}   (begin anew: npm start -- --fresh)
  Users      ada@heddle.local / heddle-demo      admin@heddle.local / ${admin}

Sign in, look at the products, order the first one:

${curlLines(base).join("\n\n")}
`;
}

/** Lines for bash or zsh that need nothing but curl, sed, grep and cut. */
export function curlLines(base: string): string[] {
  const json = "-H 'content-type: application/json'";
  const credentials = `'{"email":"ada@heddle.local","password":"heddle-demo"}'`;
  const firstId = `grep -o '"id": *"[^"]*"' | head -n 1 | cut -d '"' -f 4`;
  const address = `"shippingAddress":{"recipient":"Ada","line1":"Loom Lane 1","city":"London","postalCode":"N1","country":"GB"}`;
  return [
    `TOKEN=$(curl -s ${base}/v1/sessions ${json} -d ${credentials} | sed 's/.*"accessToken": *"\\([^"]*\\)".*/\\1/')`,
    `curl -s '${base}/v1/products?pageSize=3'`,
    `curl -s ${base}/v1/orders ${json} -H "authorization: Bearer $TOKEN" \\
  -d '{"items":[{"productId":"'$(curl -s '${base}/v1/products?pageSize=1' | ${firstId})'","quantity":1}],"paymentMethod":"pm_card_visa",${address}}'`,
  ];
}

function withoutPassword(url: string): string {
  const shown = new URL(url.split(",")[0] ?? url);
  if (shown.password) shown.password = "***";
  return shown.href;
}
