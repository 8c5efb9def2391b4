/** What of the mapping between HTTP/JSON and messages is a matter of choice. */
export interface MappingRules {
  /** JSON members that no field has: dropped as Connect does, or refused with 400. */
  readonly unknownJsonFields: "discard" | "refuse";
  /** Whether answers print fields without presence that hold their default value. */
  readonly printDefaults: boolean;
  /** Spelling of the members of answers: lowerCamelCase or json_name, or as in the proto. Requests may use both. */
  readonly fieldNames: "json" | "proto";
  /** Enum values of answers: by name, or by number. Requests may use both. */
  readonly enums: "name" | "number";
  /** How deep JSON may nest, and how many steps the name of a query parameter may have. */
  readonly maxDepth: number;
  /** Query parameters of one request. */
  readonly maxQueryParameters: number;
}

/** The rules where nobody chooses others. */
export const defaultMappingRules: MappingRules = Object.freeze({
  unknownJsonFields: "discard",
  printDefaults: true,
  fieldNames: "json",
  enums: "name",
  maxDepth: 100,
  maxQueryParameters: 1_000,
});
