import { element } from "./element.js";
import { operationView } from "./operation-view.js";
import { documentBase } from "./request.js";
import { createSchemas } from "./schema.js";

const byId = (id) => document.getElementById(id);
const methods = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];

// Before the document is there: whoever types early is heard.
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, textarea, select")) return;
  event.preventDefault();
  byId("search").focus();
});
byId("theme").addEventListener("click", switchTheme);

const api = await (await fetch(new URL("openapi.json", documentBase()))).json();
const schemas = createSchemas(api);
const all = Object.entries(api.paths).flatMap(([path, item]) => [
  ...methods
    .filter((method) => method in item)
    .map((method) => ({ path, method: method.toUpperCase(), operation: item[method] })),
  ...Object.entries(item["x-additionalOperations"] ?? {}).map(([method, operation]) => ({ path, method, operation })),
]);

/** Who the page calls as. The token stays in this tab. */
const session = {
  token: sessionStorage.getItem("token") ?? "",
  onChange() {},
  use(token) {
    session.token = token;
    sessionStorage.setItem("token", token);
    byId("token").value = token;
    byId("who").textContent = describe(token);
    session.onChange();
  },
};

/** What a JWT says of itself; the server alone checks it. */
function describe(token) {
  try {
    const { sub, roles = [] } = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return [sub?.slice(0, 8), ...roles].join(" · ");
  } catch {
    return token === "" ? "" : "not a JWT";
  }
}

/** Lists the operations that have all words of the search. */
function list() {
  const words = byId("search").value.toLowerCase().split(/\s+/);
  const found = all.filter(({ path, method, operation }) => {
    const text = `${method} ${path} ${operation.summary} ${operation.operationId}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const groups = Map.groupBy(found, ({ operation }) => operation.tags[0]);
  byId("operations").replaceChildren(
    ...[...groups].flatMap(([tag, members]) => [element("h2", {}, tag), element("ul", {}, ...members.map(link))]),
  );
  byId("nothing").hidden = found.length > 0;
  markCurrent();
}

function link({ path, method, operation }) {
  const text = element("span", operation.deprecated ? { class: "deprecated" } : {}, path);
  const badge = element("span", { class: `method ${method}` }, method);
  const href = `#${encodeURIComponent(operation.operationId)}`;
  return element("li", {}, element("a", { href, title: operation.summary }, badge, text));
}

function currentId() {
  return decodeURIComponent(location.hash.slice(1)) || all[0]?.operation.operationId;
}

function markCurrent() {
  for (const each of document.querySelectorAll("nav a")) {
    if (each.hash === `#${encodeURIComponent(currentId())}`) mark(each);
    else each.removeAttribute("aria-current");
  }
}

function mark(link) {
  link.setAttribute("aria-current", "page");
  link.scrollIntoView({ block: "nearest" });
}

function show() {
  const chosen = all.find(({ operation }) => operation.operationId === currentId());
  const main = byId("operation");
  const nothing = [element("p", {}, "There is no such operation.")];
  main.replaceChildren(...(chosen ? operationView(chosen, { schemas, session, document: api }) : nothing));
  main.scrollTop = 0;
  document.title = `${chosen?.operation.summary ?? "API"} · ${api.info.title}`;
  markCurrent();
}

function switchTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
}

byId("title").textContent = api.info.title;
byId("token").addEventListener("input", ({ target }) => session.use(target.value.trim()));
byId("token-form").addEventListener("submit", (event) => event.preventDefault());
byId("search").addEventListener("input", list);
addEventListener("hashchange", () => {
  show();
  byId("operation").focus();
});
session.use(byId("token").value.trim() || session.token);
list();
show();
