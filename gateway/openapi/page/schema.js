import { element, markdown } from "./element.js";

/** Reads the schemas of a document. */
export function createSchemas(document) {
  const nameOf = ({ $ref = "" }) => $ref.split("/").at(-1);

  /** Follows a reference; what stands beside it counts more. */
  function resolve(schema = {}) {
    if (schema.$ref === undefined) return schema;
    const { $ref, ...beside } = schema;
    const target = $ref
      .slice(2)
      .split("/")
      .reduce((value, step) => value?.[step.replaceAll("~1", "/").replaceAll("~0", "~")], document);
    return { ...resolve(target), ...beside };
  }

  /** A value that fits, from examples where there are some; `all` fills in what is not required too. */
  function sample(schema, { all = false, seen = [] } = {}) {
    const { examples, const: only, enum: values, ...rest } = resolve(schema);
    if (examples) return examples[0];
    if (only !== undefined) return only;
    if (values) return values.find((value) => !String(value).endsWith("_UNSPECIFIED")) ?? values[0];
    const [choice] = (rest.anyOf ?? []).filter((each) => each.const !== "" && each.type !== "null");
    if (choice) return sample({ ...rest, anyOf: undefined, ...choice }, { all, seen });
    return ofType(rest, { all, seen: schema?.$ref ? [...seen, schema.$ref] : seen });
  }

  function ofType(schema, how) {
    const [type] = [schema.type].flat();
    if (type === "object") return object(schema, how);
    if (type === "array") {
      const wanted = schema.minItems > 0 || how.all;
      return wanted && !how.seen.includes(schema.items?.$ref) ? [sample(schema.items, how)] : [];
    }
    if (type === "boolean") return true;
    if (type === "integer" || type === "number") return Math.max(schema.minimum ?? 1, Math.min(1, schema.maximum ?? 1));
    return type === "string" ? text(schema) : null;
  }

  function object({ properties = {}, required = [] }, how) {
    const names = Object.keys(properties).filter(
      (name) => required.includes(name) || (how.all && !how.seen.includes(properties[name].$ref)),
    );
    return Object.fromEntries(names.map((name) => [name, sample(properties[name], how)]));
  }

  function text({ format, minLength = 0 }) {
    const known = {
      uuid: "01980000-0000-7000-8000-000000000001",
      email: "ada@example.com",
      "date-time": "2026-01-31T12:00:00Z",
      uri: "https://example.com",
      int64: "1",
      uint64: "1",
    }[format];
    return known ?? "text".padEnd(minLength, "t");
  }

  /** Names a type in a few words. */
  function typeOf(schema) {
    if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
    if (schema.type === "object" && schema.additionalProperties) return "map";
    if (schema.$ref) return nameOf(schema).split(".").at(-1);
    const either = schema.anyOf?.filter((each) => each.const !== "").map(typeOf);
    const type = [schema.type]
      .flat()
      .filter((each) => each !== undefined)
      .join(" or ");
    return schema.format ?? (type || either?.join(" or ") || "any");
  }

  function limits(schema) {
    const { minLength, maxLength, minimum, maximum, minItems, maxItems, pattern } = schema;
    const range = (from, to, unit) =>
      from === undefined && to === undefined ? "" : `${from ?? ""}…${to ?? ""}${unit === "" ? "" : ` ${unit}`}`;
    return [
      range(minimum, maximum, ""),
      range(minLength, maxLength, "characters"),
      range(minItems, maxItems, "items"),
      pattern ?? "",
    ].filter((limit) => limit !== "");
  }

  /** Shows the members of a message; those of messages inside open on demand. */
  function view(schema, seen = []) {
    const { properties = {}, required = [] } = resolve(schema);
    const members = Object.entries(properties).map(([name, member]) => {
      const inside = member.items ?? member.additionalProperties ?? member;
      const deeper = resolve(inside).properties && !seen.includes(inside.$ref);
      const { enum: values, deprecated, description } = resolve(member);
      const inner = member.anyOf?.find((each) => each.const !== "") ?? member;
      return element(
        "li",
        {},
        element("span", { class: deprecated ? "name deprecated" : "name" }, name),
        element("span", { class: "type" }, [typeOf(member), ...limits(inner)].join(" · ")),
        required.includes(name) ? element("span", { class: "needed" }, " required") : "",
        element("div", { class: "text" }, ...markdown(description)),
        values && !description?.includes("`") ? element("div", { class: "type" }, values.join(" | ")) : "",
        deeper
          ? element(
              "details",
              {},
              element("summary", { class: "type" }, typeOf(inside)),
              view(inside, [...seen, inside.$ref]),
            )
          : "",
      );
    });
    return element("ul", { class: "schema" }, ...members);
  }

  return { resolve, sample, typeOf, limits, view };
}
