import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const buf = fileURLToPath(new URL("../../node_modules/.bin/buf", import.meta.url));
const google = join(dirname(createRequire(import.meta.url).resolve("google-proto-files/package.json")), "google");

/** How an image is written. */
export interface ImageOptions {
  /** As protoc does it, without buf's own marks. Default false. */
  readonly plain?: boolean;
  /** Without imported files, as protoc does it by default. Default false. */
  readonly withoutImports?: boolean;
  /** The files that are meant; the others are there only as far as these import them. Default: all. */
  readonly targets?: readonly string[];
}

const images = new Map<string, Uint8Array>();

/**
 * Compiles proto files, given by path and text, with buf; they may import google/api and google/rpc, which the image
 * then holds as imports.
 */
export function buildImage(files: Readonly<Record<string, string>>, options: ImageOptions = {}): Uint8Array {
  const key = JSON.stringify([files, options]);
  const image = images.get(key) ?? compile(files, options);
  images.set(key, image);
  return image;
}

function compile(files: Readonly<Record<string, string>>, options: ImageOptions): Uint8Array {
  const { plain, withoutImports, targets = Object.keys(files) } = options;
  const folder = mkdtempSync(join(tmpdir(), "gateway-image-"));
  try {
    for (const name of ["api/annotations.proto", "api/http.proto", "api/httpbody.proto", "rpc/error_details.proto"]) {
      cpSync(join(google, name), join(folder, "google", name));
    }
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const paths = targets.flatMap((name) => ["--path", join(folder, name)]);
    const kind = [...(plain ? ["--as-file-descriptor-set"] : []), ...(withoutImports ? ["--exclude-imports"] : [])];
    return execFileSync(buf, ["build", folder, ...paths, ...kind, "-o", "-"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
