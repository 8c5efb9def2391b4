/** A person who has shown a valid access token. */
export interface User {
  /** The token's subject. */
  readonly id: string;
  /** What the person may do, such as "admin". */
  readonly roles: readonly string[];
}

/** On whose behalf, and from which service, a call comes. Both are undefined for a stranger. */
export interface Caller {
  readonly user: User | undefined;
  /** Name of the calling service, such as "shop.order". */
  readonly service: string | undefined;
}
