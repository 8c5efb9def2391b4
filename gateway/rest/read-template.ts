import type { DescMessage } from "@bufbuild/protobuf";
import { fitsPath } from "./bind-path.ts";
import { findRequestField, type RequestField } from "./request-field.ts";
import { parseTemplate, type Template, TemplateError } from "./route-template.ts";
import { RuleFault } from "./rule-fault.ts";

/** Parses the path of a rule. Throws a RuleFault for one that breaks the grammar. */
export function readTemplate(path: string): Template {
  try {
    return parseTemplate(path);
  } catch (fault) {
    if (!(fault instanceof TemplateError)) throw fault;
    throw new RuleFault(`path "${path}": ${fault.message}`, "follow the grammar in google/api/http.proto");
  }
}

/** Finds the field that a variable of a path names. Throws a RuleFault where there is none, or none of a single value. */
export function variableOf(message: DescMessage, field: string, path: string): RequestField {
  const found = findRequestField(message, field);
  if (found === undefined) {
    throw new RuleFault(
      `path "${path}": ${message.typeName} has no field "${field}"`,
      `name one of ${fieldNames(message)}`,
    );
  }
  if (fitsPath(found.field)) return found;
  throw new RuleFault(`path "${path}": "${field}" is no single value`, "bind a scalar or enum that is not repeated");
}

/** Lists the fields of a message for a mend. */
export function fieldNames({ fields }: DescMessage): string {
  return fields.length === 0 ? "its fields (it has none)" : fields.map(({ name }) => name).join(", ");
}
