import type { AccessTokenVerifier } from "#mesh/identity";
import { StartError } from "#mesh/process";
import type { AuthConfig, StandaloneConfig } from "./config.ts";
import { foreignTokens, noTokens } from "./foreign-tokens.ts";
import { createGeneration, type Generation, type GenerationOptions } from "./generation.ts";
import { type ReadOptions, readContracts, type UpstreamContracts } from "./read-contracts.ts";

/** What loading needs besides the configuration. */
export interface LoadOptions extends Omit<GenerationOptions, "config" | "tokens">, Omit<ReadOptions, "patienceMs"> {}

/** Makes generations of what a configuration names. */
export type Load = (config: StandaloneConfig, patienceMs: number) => Promise<Generation>;

/**
 * Creates what reads all contracts and compiles them. It keeps the keys of an issuer from one time to the next. Throws a
 * StartError that lists every fault of all upstreams.
 */
export function createLoad(options: LoadOptions): Load {
  const tokensOf = keepTokens();
  return async (config, patienceMs) => {
    const reading = config.upstreams.map((upstream) => readContracts(upstream, { ...options, patienceMs }));
    const contracts = allOf(await Promise.allSettled(reading));
    return createGeneration(contracts, { ...options, config, tokens: tokensOf(config.auth) });
  };
}

function allOf(results: readonly PromiseSettledResult<UpstreamContracts>[]): UpstreamContracts[] {
  const faults = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  const unexpected = faults.find((fault) => !(fault instanceof StartError));
  if (unexpected) throw unexpected;
  if (faults.length > 0) throw new StartError(faults.map((fault) => fault.message).join("\n"));
  return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
}

function keepTokens(): (auth: AuthConfig | undefined) => AccessTokenVerifier {
  let kept: { readonly key: string; readonly tokens: AccessTokenVerifier } | undefined;
  return (auth) => {
    if (!auth) return noTokens;
    const key = JSON.stringify(auth);
    if (kept?.key !== key) kept = { key, tokens: foreignTokens(auth) };
    return kept.tokens;
  };
}
