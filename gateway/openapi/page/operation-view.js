import { coloured, element, markdown } from "./element.js";
import { buildRequest, readLines, takesStream } from "./request.js";
import { snippets } from "./snippets.js";

/** Shows one operation, with a form to call it. `session` holds the token. */
export function operationView(chosen, { schemas, session, document }) {
  const { operation, method, path } = chosen;
  const form = createForm(chosen, schemas);
  const nothing = element("p", { class: "hint" }, "Nothing has been sent yet.");
  const answer = element("div", { id: "answer", "aria-live": "polite" }, nothing);
  const problem = element("p", { class: "problem", role: "alert" });
  const send = element("button", { class: "primary", type: "submit" }, "Send");
  const stop = element("button", { type: "button", hidden: true }, "Stop");
  const shell = createSnippets(chosen, () => ({ ...form.read(), token: session.token }));

  async function submit(event) {
    event.preventDefault();
    problem.textContent = form.fault();
    if (problem.textContent !== "") return;
    const running = new AbortController();
    stop.onclick = () => running.abort();
    [send.disabled, stop.hidden] = [true, !operation["x-streaming"]];
    try {
      await call(buildRequest(chosen, { ...form.read(), token: session.token }), running.signal);
    } catch (error) {
      if (!running.signal.aborted) problem.textContent = `The answer broke off: ${error.message}`;
    } finally {
      [send.disabled, stop.hidden] = [false, true];
    }
  }

  async function call({ url, ...request }, signal) {
    const begin = performance.now();
    const response = await fetch(url, { ...request, signal, credentials: "omit", cache: "no-store" });
    const head = statusLine(response, performance.now() - begin);
    if (/ndjson/.test(response.headers.get("content-type") ?? "")) await showStream(response, head);
    else await showWhole(response, head);
  }

  async function showStream(response, head) {
    const list = element("ol", { class: "messages" });
    answer.replaceChildren(head, list);
    await readLines(response.body, (message) =>
      list.append(element("li", {}, element("pre", {}, ...coloured(message)))),
    );
    head.append(` · ${list.children.length} messages`);
  }

  async function showWhole(response, head) {
    const text = await response.text();
    const value = parse(text);
    answer.replaceChildren(
      head,
      element("pre", { id: "body", tabindex: "0" }, ...(value === undefined ? [text] : coloured(value))),
    );
    const token = value?.accessToken ?? value?.access_token;
    if (typeof token === "string" && response.ok) {
      const use = element(
        "button",
        { type: "button", onclick: () => session.use(token) },
        "Use this access token from now on",
      );
      answer.append(element("div", { class: "row" }, use));
    }
    answer.append(headersView(response));
  }

  const tryIt = element(
    "form",
    { class: "card", onsubmit: submit, oninput: shell.refresh, novalidate: true },
    element("h3", {}, "Try it"),
    ...form.elements,
    problem,
    element("div", { class: "row" }, send, stop, signInHint(operation, session)),
  );
  session.onChange = shell.refresh;
  return [
    element("h2", { class: "summary" }, operation.summary ?? path),
    element("p", { class: "address" }, element("span", { class: `method ${method}` }, method), path),
    facts(operation),
    element("div", { class: "lead text" }, ...markdown(operation.description)),
    element(
      "div",
      { class: "columns" },
      element(
        "div",
        {},
        element("section", {}, tryIt),
        element("section", { class: "card" }, element("h3", {}, "Answer"), answer),
        element("section", { class: "card" }, element("h3", {}, "Copy as"), ...shell.elements),
      ),
      element("div", {}, ...reference(chosen, schemas, document)),
    ),
  ];
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    // Not every answer is JSON.
    return undefined;
  }
}

function statusLine({ status, ok }, milliseconds) {
  return element(
    "p",
    { class: "hint" },
    element("span", { class: `status ${ok ? "good" : "bad"}` }, String(status)),
    ` · ${Math.round(milliseconds)} ms`,
  );
}

function headersView({ headers }) {
  const rows = [...headers].map(([name, value]) =>
    element("tr", {}, element("td", {}, name), element("td", {}, value)),
  );
  return element("details", {}, element("summary", { class: "hint" }, "Headers"), element("table", {}, ...rows));
}

function facts(operation) {
  const roles = (operation.security ?? []).flatMap(({ bearer }) => bearer);
  const access =
    operation.security?.length === 0 ? "public" : roles.length > 0 ? `role ${roles.join(" or ")}` : "signed in";
  return element(
    "ul",
    { class: "facts" },
    element("li", {}, access),
    element("li", {}, operation["x-rpc"]),
    operation["x-streaming"] ? element("li", {}, operation["x-streaming"].replace("_", " ")) : "",
    operation.deprecated ? element("li", { class: "warn" }, "deprecated") : "",
  );
}

function signInHint({ security = [] }, session) {
  return security.length === 0 || session.token
    ? ""
    : element("span", { class: "hint" }, "Needs an access token (top right).");
}

function createForm({ operation }, schemas) {
  const inputs = new Map();
  const fields = (operation.parameters ?? []).map((parameter) => {
    const { input, shown } = field(parameter, schemas);
    inputs.set(parameter.name, input);
    return shown;
  });
  const schema = operation.requestBody?.content["application/json"]?.schema;
  // A stream of requests is shown with one of them.
  const sample = (all) =>
    takesStream(operation) ? [schemas.sample(schema.items, { all })] : schemas.sample(schema, { all });
  const write = (all) => JSON.stringify(sample(all), null, 2);
  const body = schema && element("textarea", { id: "request-body", spellcheck: "false" }, write(false));
  const fill = (all) => () => {
    body.value = write(all);
    body.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const editor = schema && [
    element("label", { for: "request-body" }, "Body ", element("span", { class: "type" }, schemas.typeOf(schema))),
    body,
    element(
      "div",
      { class: "row" },
      element("button", { type: "button", onclick: fill(false) }, "Required fields"),
      element("button", { type: "button", onclick: fill(true) }, "All fields"),
    ),
  ];
  return {
    elements: [...fields, ...(editor ? [element("div", { class: "field" }, ...editor)] : [])],
    read: () => ({
      values: Object.fromEntries([...inputs].map(([name, input]) => [name, input.value])),
      body: body && body.value.trim() !== "" ? body.value : undefined,
    }),
    fault() {
      const bad = [...inputs].find(([, input]) => !input.checkValidity());
      if (bad) {
        bad[1].focus();
        return `${bad[0]}: ${bad[1].validationMessage}`;
      }
      if (!body || body.value.trim() === "") return "";
      try {
        JSON.parse(body.value);
        return "";
      } catch (error) {
        body.focus();
        return `The body is not JSON: ${error.message}`;
      }
    },
  };
}

function field({ name, required, schema, description, deprecated, in: place }, schemas) {
  const id = `parameter-${name}`;
  const { enum: values, examples, pattern } = schemas.resolve(schema);
  const options = schema.type === "boolean" ? ["true", "false"] : values;
  const input = options
    ? element(
        "select",
        { id, required },
        ...["", ...options].map((value) => element("option", { value }, value || "—")),
      )
    : element("input", {
        id,
        required,
        pattern,
        autocomplete: "off",
        spellcheck: "false",
        placeholder: String(examples?.[0] ?? ""),
      });
  const type = [schemas.typeOf(schema), ...schemas.limits(schema)].join(" · ");
  const shown = element(
    "div",
    { class: "field" },
    element(
      "label",
      { for: id },
      element("span", { class: deprecated ? "deprecated" : "" }, name),
      element("span", { class: "type" }, `${place} · ${type}`),
      required ? element("span", { class: "needed" }, "required") : "",
    ),
    input,
    element("div", { class: "text" }, ...markdown(description)),
  );
  return { input, shown };
}

function createSnippets(chosen, input) {
  const text = element("pre", { id: "snippet", tabindex: "0" });
  let name = "curl";
  const refresh = () => {
    try {
      text.textContent = snippets[name](chosen, input());
    } catch {
      text.textContent = "The body is not JSON yet.";
    }
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.textContent === name));
  };
  const tabs = Object.keys(snippets).map((each) =>
    element(
      "button",
      {
        type: "button",
        onclick() {
          name = each;
          refresh();
        },
      },
      each,
    ),
  );
  const copied = element("span", { class: "hint", role: "status" });
  const copy = element(
    "button",
    {
      type: "button",
      async onclick() {
        await navigator.clipboard.writeText(text.textContent);
        copied.textContent = "Copied.";
      },
    },
    "Copy",
  );
  refresh();
  return { refresh, elements: [element("div", { class: "row tabs" }, ...tabs, copy, copied), text] };
}

function reference({ operation }, schemas, document) {
  const { content: bodies = {}, description: bodyText } = operation.requestBody ?? {};
  const whole = bodies["application/json"]?.schema;
  const body = takesStream(operation) ? whole?.items : whole;
  const answers = Object.entries(operation.responses).map(([status, response]) => {
    const { description, content } = schemas.resolve(response);
    const types = Object.keys(content ?? {});
    return [
      element(
        "dt",
        {},
        status === "default" ? "other" : status,
        element("span", { class: "type" }, `  ${types.join(", ")}`),
      ),
      element("dd", { class: "text" }, ...markdown(description)),
    ];
  });
  const [status, success = {}] = Object.entries(operation.responses).find(([code]) => code.startsWith("2")) ?? [];
  const good = Object.values(success.content ?? {})[0]?.schema;
  const tag = document.tags.find(({ name }) => name === operation.tags[0]);
  const part = (title, ...content) => element("section", { class: "card" }, element("h3", {}, title), ...content);
  return [
    ...(body && Object.keys(schemas.resolve(body).properties ?? {}).length > 0
      ? [
          part(
            "Body",
            element("p", { class: "type" }, Object.keys(bodies).join(", ")),
            element("div", { class: "text" }, ...markdown(bodyText)),
            schemas.view(body),
          ),
        ]
      : []),
    ...(good ? [part(`Answer ${status}`, schemas.view(good.items ?? good))] : []),
    part("Answers", element("dl", { class: "answers" }, ...answers.flat())),
    part(tag?.name ?? "", element("div", { class: "text" }, ...markdown(tag?.description))),
  ];
}
