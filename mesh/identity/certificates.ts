/** What a TLS handshake is made with, all in PEM. */
export interface Certificates {
  /** The process's own certificate with those that lead to an authority, and its key; undefined for a guest. */
  readonly own: { readonly chain: string; readonly key: string } | undefined;
  /** The authorities whose certificates are trusted. */
  readonly authorities: string;
}

/** Where certificates come from. They are replaced while connections are up: each handshake takes the current ones. */
export interface CertificateSource {
  /** The certificates that count now. Throws an Error before the source has started. */
  current(): Certificates;
  /** Calls back whenever there are new ones. Returns a function that ends it. */
  onChange(listener: () => void): () => void;
}

/** Certificates and the setter that replaces them. */
export interface CertificateSlot extends CertificateSource {
  replace(certificates: Certificates): void;
}

/** Creates an empty slot. `name` is whose certificates they are, for the message when it is read too early. */
export function createCertificateSlot(name: string): CertificateSlot {
  const listeners = new Set<() => void>();
  let held: Certificates | undefined;
  return {
    current() {
      if (!held) throw new Error(`${name} has no certificate before its start`);
      return held;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    replace(certificates) {
      held = certificates;
      for (const listener of listeners) listener();
    },
  };
}
