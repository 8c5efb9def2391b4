import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import formats from "ajv-formats";

/** Finds what is wrong with a value; `at` is the path of its schema within the document, step by step. */
export type FaultsOf = (value: unknown, ...at: readonly string[]) => string[];

/** Checks values against the schemas of an OpenAPI 3.1 document, which are those of JSON Schema 2020-12. */
export function schemaChecker(document: object): FaultsOf {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  // Their range is said by minimum and maximum, or by a pattern.
  for (const name of ["uint32", "uint64"]) ajv.addFormat(name, true);
  ajv.addSchema(document, "document");
  return (value, ...at) => {
    const pointer = at.map((step) => encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
    const validate = ajv.getSchema(`document#/${pointer}`);
    if (validate === undefined) throw new Error(`no schema at ${at.join(" ")}`);
    validate(value);
    return (validate.errors ?? []).map(faultText);
  };
}

function faultText({ instancePath, message = "", params }: ErrorObject): string {
  return `${instancePath} ${message} ${JSON.stringify(params)}`;
}
