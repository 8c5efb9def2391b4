import { uuidv7 } from "uuidv7";
import { type AccessToken, issueAccessToken } from "./access-token.ts";
import type { KeyRing } from "./key-ring.ts";
import type { Passwords } from "./password.ts";
import { createRefreshToken, hashRefreshToken } from "./refresh-token.ts";
import { credentialsWrong, sessionEnded } from "./session.ts";
import type { SessionRepository } from "./session-repository.ts";
import type { User } from "./user.ts";
import type { UserRepository } from "./user-repository.ts";

/** What signing in is made of. */
export interface SignInOptions {
  readonly users: UserRepository;
  readonly sessions: SessionRepository;
  readonly passwords: Passwords;
  readonly keys: KeyRing;
  /** Life of an access token in milliseconds. */
  readonly accessTokenMs: number;
  /** Life of a refresh token in milliseconds. */
  readonly refreshTokenMs: number;
  readonly now: () => Date;
}

/** The tokens of a session that has just started or continued. */
export interface SignedIn {
  readonly user: User;
  readonly accessToken: AccessToken;
  readonly refreshToken: string;
}

/** Starts, continues and ends sessions. */
export type SignIn = ReturnType<typeof createSignIn>;

/** Makes the sign-in. */
export function createSignIn(options: SignInOptions) {
  const { users, sessions, passwords, keys, now } = options;

  function nextToken() {
    const token = createRefreshToken();
    const expireTime = new Date(now().getTime() + options.refreshTokenMs);
    return { token, stored: { hash: hashRefreshToken(token), expireTime } };
  }

  async function signedIn(user: User, refreshToken: string): Promise<SignedIn> {
    const lifetime = { now: now(), lifetimeMs: options.accessTokenMs };
    return { user, refreshToken, accessToken: await issueAccessToken(user, keys, lifetime) };
  }

  async function verify(email: string, password: string): Promise<User | undefined> {
    const user = await users.findByEmail(email);
    const { right, outdated } = await passwords.verify(password, user?.passwordHash);
    if (user === undefined || !right) {
      return undefined;
    }
    if (outdated) {
      await users.replaceHash(user.id, user.passwordHash, await passwords.hash(password));
    }
    return user;
  }

  return {
    /**
     * Starts a session. A wrong address costs the same time as a wrong password.
     *
     * @throws Refusal CREDENTIALS_WRONG
     */
    async start(email: string, password: string): Promise<SignedIn> {
      const verified = await verify(email, password);
      const { token, stored } = nextToken();
      const started = verified && { id: uuidv7(), userId: verified.id, createTime: now() };
      const user = started && (await sessions.start(started, stored));
      if (user === undefined) {
        throw credentialsWrong();
      }
      return signedIn(user, token);
    },

    /**
     * Trades a refresh token for new tokens.
     *
     * @throws Refusal SESSION_ENDED
     */
    async continue(refreshToken: string): Promise<SignedIn> {
      const { token, stored } = nextToken();
      const user = await sessions.continue(hashRefreshToken(refreshToken), stored, now());
      if (user === undefined) {
        throw sessionEnded();
      }
      return signedIn(user, token);
    },

    /** Ends the session that a refresh token, used or not, belongs to. */
    end: (refreshToken: string): Promise<void> => sessions.end(hashRefreshToken(refreshToken)),
  };
}
