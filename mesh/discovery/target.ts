/** What a service's address may say about where to find it. */
export type Target =
  /** "host:port", or several with commas: these and no others. */
  | { readonly kind: "static"; readonly addresses: readonly string[] }
  /** "dns:///host:port" or "dns:///_port._tcp.host": whatever the name stands for at the moment. */
  | { readonly kind: "dns"; readonly name: string }
  /** "mesh:///shop.order": whoever has registered under the name. */
  | { readonly kind: "registry"; readonly service: string };

const address = /^([^\s:/,]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/;
const srvName = /^_[^\s:/,]+\._tcp\.[^\s:/,]+$/;
const serviceName = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/;

/** What readTarget() takes, for messages. */
export const targetForms = '"host:port" (several with commas), "dns:///host:port", "mesh:///system.service"';

/** Reads a target as in https://github.com/grpc/grpc/blob/master/doc/naming.md. Undefined for what is none. */
export function readTarget(text: string): Target | undefined {
  const [, scheme, rest = ""] = /^([a-z]+):\/\/\/(.*)$/.exec(text) ?? [];
  if (scheme === "mesh") return serviceName.test(rest) ? { kind: "registry", service: rest } : undefined;
  if (scheme === "dns") return address.test(rest) || srvName.test(rest) ? { kind: "dns", name: rest } : undefined;
  const addresses = text.split(",").map((each) => each.trim());
  return addresses.every((each) => address.test(each)) ? { kind: "static", addresses } : undefined;
}
