// Postgres refuses to run as root. Started by root it runs as another user, who must be able to reach its files.
import { chmodSync, mkdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A user and group id. */
export interface User {
  uid: number;
  gid: number;
}

const nobody: User = { uid: 65_534, gid: 65_534 };

/** Who Postgres runs as below a folder: us, or, where we are root, the owner of the data in it, else "nobody". */
export function postgresUser(home: string): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const data = statSync(join(home, "data"), { throwIfNoEntry: false });
  return data && data.uid !== 0 ? { uid: data.uid, gid: data.gid } : nobody;
}

/** Whether a user may pass through every folder above and including `folder`, which must exist. */
export function canReach(folder: string, user: User | undefined): boolean {
  if (user === undefined) return true;
  for (let path = folder; ; path = dirname(path)) {
    const { uid, mode } = statSync(path);
    const passable = uid === user.uid ? mode & 0o100 : mode & 0o001;
    if (!passable) return false;
    if (path === dirname(path)) return true;
  }
}

/** A folder of root's own that every user may pass through, for what has to lie outside a closed home. */
export function publicFolder(): string {
  for (const folder of ["/var/lib/heddle", join(tmpdir(), "heddle-root")]) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o755 });
    } catch {
      // A read-only system: the next one.
      continue;
    }
    if (statSync(folder).uid !== 0) continue;
    chmodSync(folder, 0o755);
    return folder;
  }
  throw new Error("neither /var/lib nor the folder for temporary files can be written");
}
