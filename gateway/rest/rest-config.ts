import { variable } from "#mesh/config";
import { type ErrorDialect, errorDialects } from "../http/error-dialect.ts";
import { defaultMappingRules, type MappingRules } from "./mapping-rules.ts";

/** What of the REST side is a matter of configuration. */
export interface RestConfig {
  readonly mapping: MappingRules;
  /** The form of errors for clients that ask for none. */
  readonly errorDialect: ErrorDialect;
  /** Whether `X-Explain: 1` is answered with how the request is bound, instead of a call. For development. */
  readonly explain: boolean;
}

/** The configuration where nobody chooses another. */
export const defaultRestConfig: RestConfig = Object.freeze({
  mapping: defaultMappingRules,
  errorDialect: "status",
  explain: false,
});

const { maxDepth, maxQueryParameters } = defaultMappingRules;

/** The variables of the REST side. */
export const restVariables = {
  GATEWAY_JSON_UNKNOWN_FIELDS: variable
    .oneOf(["discard", "refuse"], "discard")
    .describe("what is done with JSON members that no field has"),
  GATEWAY_JSON_DEFAULTS: variable.flag(true).describe("whether answers print fields that hold their default value"),
  GATEWAY_JSON_NAMES: variable.oneOf(["json", "proto"], "json").describe("spelling of the members of answers"),
  GATEWAY_JSON_ENUMS: variable.oneOf(["name", "number"], "name").describe("how answers print enum values"),
  GATEWAY_MAX_JSON_DEPTH: variable
    .wholeNumber(maxDepth, { min: 1, max: 1_000 })
    .describe("how deep the JSON of a request may nest"),
  GATEWAY_MAX_QUERY_PARAMETERS: variable
    .wholeNumber(maxQueryParameters, { min: 0, max: 100_000 })
    .describe("query parameters of one request"),
  GATEWAY_ERRORS: variable.oneOf(errorDialects, "status").describe("form of errors for clients that ask for none"),
  GATEWAY_EXPLAIN: variable.flag(false).describe('whether "X-Explain: 1" is answered with how a request is bound'),
};

/** What the variables of the REST side have been read as. */
interface RestEnvironment {
  readonly GATEWAY_JSON_UNKNOWN_FIELDS: MappingRules["unknownJsonFields"];
  readonly GATEWAY_JSON_DEFAULTS: boolean;
  readonly GATEWAY_JSON_NAMES: MappingRules["fieldNames"];
  readonly GATEWAY_JSON_ENUMS: MappingRules["enums"];
  readonly GATEWAY_MAX_JSON_DEPTH: number;
  readonly GATEWAY_MAX_QUERY_PARAMETERS: number;
  readonly GATEWAY_ERRORS: ErrorDialect;
  readonly GATEWAY_EXPLAIN: boolean;
}

/** Makes the configuration from what was read. */
export function restConfig(read: RestEnvironment): RestConfig {
  return {
    mapping: {
      unknownJsonFields: read.GATEWAY_JSON_UNKNOWN_FIELDS,
      printDefaults: read.GATEWAY_JSON_DEFAULTS,
      fieldNames: read.GATEWAY_JSON_NAMES,
      enums: read.GATEWAY_JSON_ENUMS,
      maxDepth: read.GATEWAY_MAX_JSON_DEPTH,
      maxQueryParameters: read.GATEWAY_MAX_QUERY_PARAMETERS,
    },
    errorDialect: read.GATEWAY_ERRORS,
    explain: read.GATEWAY_EXPLAIN,
  };
}
