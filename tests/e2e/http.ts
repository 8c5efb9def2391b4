/** An answer of the gateway. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a client of HTTP/JSON sees what comes; the tests say what they expect.
  readonly body: any;
}

/** How a call is sent. */
export interface CallOptions {
  /** Access token of the caller. Default: nobody is signed in. */
  readonly token?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Overrides content type and body, to send something broken. */
  readonly raw?: { readonly contentType: string; readonly text: string };
}

/** Speaks plain HTTP/JSON to a gateway. */
export type Http = (
  request: `${"GET" | "POST" | "PATCH" | "DELETE" | "PUT"} /${string}`,
  options?: CallOptions,
) => Promise<Answer>;

/** Creates a client of the gateway at `url`. */
export function httpClient(url: string): Http {
  return async (request, { token, body, raw } = {}) => {
    const [method, path] = request.split(" ", 2);
    const json = body === undefined ? undefined : { contentType: "application/json", text: JSON.stringify(body) };
    const content = raw ?? json;
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(content && { "content-type": content.contentType }),
      },
      ...(content && { body: content.text }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text ? parse(text) : undefined };
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not everything is JSON, and a test that expects JSON should see what came instead.
    return text;
  }
}
