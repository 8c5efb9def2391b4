import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";

/** A network of its own on this machine, reached by a cable that can be pulled. */
export interface NetworkNamespace extends Disposable {
  /** Address within it that this side reaches. */
  readonly host: string;
  /** What runs a command within it. */
  readonly within: readonly string[];
  /** Packets are lost both ways from now on; nobody is told. */
  pull(): void;
  plug(): void;
}

/** Whether this process may make one: on Linux, with iproute2 and its rights. */
export function namespacesAreAvailable(): boolean {
  try {
    networkNamespace()[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}

/** Makes a namespace with a pair of virtual interfaces, under names that no other run uses. */
export function networkNamespace(): NetworkNamespace {
  const id = randomInt(2 ** 14);
  const [name, outer, inner] = [`heddle${id}`, `hdo${id}`, `hdi${id}`];
  // Of 10.192.0.0/10, four addresses for each.
  const network = (10 << 24) + (192 << 16) + id * 4;
  const address = (host: number) => [24, 16, 8, 0].map((shift) => ((network + host) >>> shift) & 0xff).join(".");
  const ip = (...args: string[]) => execFileSync("ip", args, { stdio: "pipe" });
  ip("netns", "add", name);
  const remove = () => void ip("netns", "del", name);
  try {
    ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name);
    ip("addr", "add", `${address(1)}/30`, "dev", outer);
    ip("link", "set", outer, "up");
    ip("-n", name, "addr", "add", `${address(2)}/30`, "dev", inner);
    for (const device of ["lo", inner]) ip("-n", name, "link", "set", device, "up");
  } catch (error) {
    remove();
    throw error;
  }
  return {
    host: address(2),
    within: ["ip", "netns", "exec", name],
    pull: () => void ip("-n", name, "link", "set", inner, "down"),
    plug: () => void ip("-n", name, "link", "set", inner, "up"),
    [Symbol.dispose]: remove,
  };
}
