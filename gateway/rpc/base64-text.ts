import { Code, ConnectError } from "@connectrpc/connect";

/** Decodes a stream of base64 in which every chunk that the client encoded may have padding of its own. */
export class Base64Text {
  #rest = "";

  /** Throws InvalidArgument for what is no base64. */
  push(chunk: Buffer): Buffer {
    const text = this.#rest + chunk.toString("latin1");
    const whole = text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    // Node stops at the first padding: what is behind it is decoded on its own.
    return Buffer.concat((text.slice(0, whole).match(/[^=]+=*|=+/g) ?? []).map(decode));
  }

  /** Whether nothing waits for the rest of its four letters. */
  get isEmpty(): boolean {
    return this.#rest === "";
  }
}

function decode(part: string): Buffer {
  if (part.length % 4 === 0 && /^[\w+/-]+={0,2}$/.test(part)) return Buffer.from(part, "base64");
  throw new ConnectError("the body is no base64", Code.InvalidArgument);
}
