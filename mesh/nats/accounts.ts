/** What a user may do: subjects with the wildcards of NATS. Everything else is refused. */
export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** Somebody who may connect. */
export interface NatsUser {
  readonly name: string;
  /** Users of one account see each other's subjects and streams, and nobody else's. */
  readonly account: string;
  /** Undefined: everything within the account. */
  readonly permissions?: NatsPermissions;
}

/**
 * Renders users as the part of nats-server's configuration that says who may connect and do what. `passwordOf` returns
 * the value as it is written there: a quoted text, or $NAME for a variable of the server's environment.
 */
export function renderAccounts(users: readonly NatsUser[], passwordOf: (user: NatsUser) => string): string {
  const accounts = [...Map.groupBy(users, ({ account }) => account)].map(
    ([account, members]) => `  ${account} {
    jetstream: enabled
    users: [
${members.map((user) => renderUser(user, passwordOf(user))).join("\n")}
    ]
  }`,
  );
  return `accounts {\n${accounts.join("\n")}\n}`;
}

function renderUser({ name, permissions }: NatsUser, password: string): string {
  const login = `user: ${JSON.stringify(name)}, password: ${password}`;
  if (!permissions) return `      { ${login} }`;
  return `      { ${login}, permissions: {
        publish: { allow: [
${lines(permissions.publish)}
        ] }
        subscribe: { allow: [
${lines(permissions.subscribe)}
        ] }
      } }`;
}

function lines(subjects: readonly string[]): string {
  return subjects.map((subject) => `          ${JSON.stringify(subject)}`).join("\n");
}

/**
 * Where answers come in for a user. Each has a place of its own: who could listen at another's would read whatever that
 * one is sent.
 */
export function inboxPrefix(user: string): string {
  return `_INBOX.${user.replaceAll(".", "_")}`;
}

/** As whom a service connects to the registry. Its events it handles under its own name. */
export function registryUser(service: string): string {
  return `${service}@registry`;
}
