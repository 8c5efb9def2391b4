/** A boundary that forms of tests have. */
export const boundary = "----edge";

/** Headers of a form with it. */
export const formType = { "content-type": `multipart/form-data; boundary=${boundary}` };

/** A form as text; each part has its headers and its value. */
export function formBody(...parts: readonly [headers: string, value: string][]): string {
  const written = parts.map(([headers, value]) => `--${boundary}\r\n${headers}\r\n\r\n${value}\r\n`);
  return `${written.join("")}--${boundary}--\r\n`;
}

/** The Content-Disposition of a part. */
export function named(name: string, more = ""): string {
  return `Content-Disposition: form-data; name="${name}"${more}`;
}

/** Text as ProtoJSON has bytes. */
export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
