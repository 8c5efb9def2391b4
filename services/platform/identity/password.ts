import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

/** The cost of a hash, stored with it. */
export interface ScryptCost {
  /** Base-2 logarithm of scrypt's N. Memory is 128 · N · blockSize bytes. */
  readonly logN: number;
  /** scrypt's r. */
  readonly blockSize: number;
  /** scrypt's p. */
  readonly parallelism: number;
}

/** The answer to a password. */
export interface PasswordVerdict {
  readonly right: boolean;
  /** Whether a right password should be hashed again, since the stored hash has another cost. */
  readonly outdated: boolean;
}

/** Hashes and verifies passwords on libuv's thread pool, some 70 ms each with the default cost. */
export interface Passwords {
  /** Makes a PHC string: $scrypt$ln=15,r=8,p=1$salt$hash. */
  hash(password: string): Promise<string>;
  /** Compares in constant time. Without a hash, of an unknown user, it takes as long and answers no. */
  verify(password: string, hash: string | undefined): Promise<PasswordVerdict>;
}

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);
const defaultCost: ScryptCost = { logN: 15, blockSize: 8, parallelism: 1 };
const saltBytes = 16;
const hashBytes = 32;
const format = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Passwords by scrypt. The default cost, N = 2^15, r = 8, p = 1, needs 32 MiB for each hash at work. */
export function createPasswords(cost: ScryptCost = defaultCost): Passwords {
  const nobody: ParsedHash = { cost, salt: randomBytes(saltBytes), hash: randomBytes(hashBytes) };

  return {
    async hash(password) {
      const salt = randomBytes(saltBytes);
      return formatHash({ cost, salt, hash: await deriveHash(password, { cost, salt }, hashBytes) });
    },

    async verify(password, hash) {
      const stored = hash === undefined ? nobody : parseHash(hash);
      const derived = await deriveHash(password, stored, stored.hash.length);
      const equal = timingSafeEqual(derived, stored.hash);
      return { right: equal && hash !== undefined, outdated: formatCost(stored.cost) !== formatCost(cost) };
    },
  };
}

interface HashInput {
  readonly cost: ScryptCost;
  readonly salt: Buffer;
}

interface ParsedHash extends HashInput {
  readonly hash: Buffer;
}

function deriveHash(password: string, { cost, salt }: HashInput, bytes: number): Promise<Buffer> {
  const { logN, blockSize, parallelism } = cost;
  const memory = 128 * 2 ** logN * blockSize;
  // The same character typed on two keyboards may arrive in two forms (RFC 8265).
  return derive(password.normalize("NFKC"), salt, bytes, {
    ...{ N: 2 ** logN, r: blockSize, p: parallelism },
    maxmem: 2 * memory,
  });
}

function formatHash({ cost, salt, hash }: ParsedHash): string {
  return `$scrypt$${formatCost(cost)}$${unpadded(salt)}$${unpadded(hash)}`;
}

function formatCost({ logN, blockSize, parallelism }: ScryptCost): string {
  return `ln=${logN},r=${blockSize},p=${parallelism}`;
}

function parseHash(text: string): ParsedHash {
  const [, logN, blockSize, parallelism, salt = "", hash = ""] = format.exec(text) ?? [];
  if (hash === "") {
    throw new TypeError("a stored password hash is not a PHC string of scrypt");
  }
  return {
    cost: { logN: Number(logN), blockSize: Number(blockSize), parallelism: Number(parallelism) },
    salt: Buffer.from(salt, "base64"),
    hash: Buffer.from(hash, "base64"),
  };
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
