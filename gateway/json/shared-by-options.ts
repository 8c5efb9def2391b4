import type { Registry } from "@bufbuild/protobuf";

/**
 * Makes something once for each registry and each set of other options. The methods of a contract reach much the same
 * messages: compiled for each method by itself, a few hundred of them would take seconds and gigabytes.
 */
export function sharedByOptions<Options extends { readonly registry: Registry }, Made>(
  make: (options: Options) => Made,
): (options: Options) => Made {
  const byRegistry = new WeakMap<Registry, Map<string, Made>>();
  return (options) => {
    const { registry, ...others } = options;
    const known = byRegistry.get(registry) ?? new Map<string, Made>();
    byRegistry.set(registry, known);
    const key = JSON.stringify(others);
    const made = known.get(key) ?? make(options);
    known.set(key, made);
    return made;
  };
}
