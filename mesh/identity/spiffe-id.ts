// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md, without the dots that paths may have: a dot
// parts system and service in our names.
const NAME = /^[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*$/;
const PATH = /^\/([a-zA-Z0-9_-]+(?:\/[a-zA-Z0-9_-]+)*)$/;

/** The SPIFFE id of a service: spiffe://heddle.local/shop/order. Throws a TypeError for a name with no such form. */
export function spiffeId(trustDomain: string, service: string): string {
  if (!NAME.test(service)) throw new TypeError(`"${service}" is no name of a service`);
  return `spiffe://${trustDomain}/${service.replaceAll(".", "/")}`;
}

/**
 * The service that a certificate names, "shop.order", by the alternative names of its subject as Node prints them.
 * Undefined for none, for another trust domain, and for anything that is no X.509-SVID.
 */
export function serviceNamed(trustDomain: string, subjectAltName: string | undefined): string | undefined {
  // Node quotes names that could be taken for several. No SPIFFE id needs that.
  if (!subjectAltName || subjectAltName.includes('"')) return undefined;
  const uris = subjectAltName.split(", ").filter((name) => name.startsWith("URI:"));
  const [only = ""] = uris;
  const prefix = `URI:spiffe://${trustDomain}/`;
  // https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md, section 2: exactly one URI.
  if (uris.length !== 1 || !only.startsWith(prefix)) return undefined;
  return PATH.exec(only.slice(prefix.length - 1))?.[1]?.replaceAll("/", ".");
}
