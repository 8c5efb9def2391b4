/** Creates an element. `attributes` may hold listeners as `onclick`; children are nodes, texts, or nothing. */
export function element(name, attributes = {}, ...children) {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) created.addEventListener(key.slice(2), value);
    else if (value === true) created.setAttribute(key, "");
    else if (value !== undefined && value !== false) created.setAttribute(key, value);
  }
  created.append(...children.flat().filter((child) => child !== undefined && child !== ""));
  return created;
}

/** Turns the little Markdown of the document into elements: paragraphs, lists, tables and code. */
export function markdown(text = "") {
  return text.split(/\n{2,}/).map((block) => {
    const lines = block.split("\n");
    if (lines.every((line) => line.startsWith("- "))) {
      return element("ul", {}, ...lines.map((line) => element("li", {}, ...inline(line.slice(2)))));
    }
    if (lines.every((line) => line.startsWith("|"))) return table(lines);
    return element("p", {}, ...inline(block));
  });
}

function table([head, , ...rows]) {
  const cells = (line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll("\\|", "|"));
  const row = (line, kind) => element("tr", {}, ...cells(line).map((cell) => element(kind, {}, ...inline(cell))));
  return element(
    "table",
    {},
    element("thead", {}, row(head, "th")),
    element(
      "tbody",
      {},
      rows.map((line) => row(line, "td")),
    ),
  );
}

function inline(text) {
  return text.split(/(`[^`]+`)/).map((part) => (/^`.+`$/.test(part) ? element("code", {}, part.slice(1, -1)) : part));
}

/** JSON, indented and coloured. */
export function coloured(value) {
  const text = JSON.stringify(value, null, 2) ?? "";
  const parts = text.split(/("(?:[^"\\]|\\.)*"(?::)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/);
  return parts.map((part, index) => {
    if (index % 2 === 0) return part;
    if (part.endsWith('":')) return element("span", { class: "key" }, part);
    return element("span", { class: part.startsWith('"') ? "string" : "other" }, part);
  });
}
