import { IdentityErrorReason } from "#gen/platform/identity/v1/identity_errors_pb.ts";
import type { User as UserMessage } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { Refusal } from "#mesh/refusal";

/** The role that every registered user has. */
export const customerRole = "customer";

/** The role that may act for everyone. */
export const adminRole = "admin";

/** Fields of a user that UpdateUser may change. */
export interface UserDetails {
  /** In lower case. */
  readonly email: string;
  readonly displayName: string;
  readonly roles: readonly string[];
}

/** A person who can sign in. */
export interface User extends UserDetails {
  /** UUIDv7. */
  readonly id: string;
  readonly createTime: Date;
  readonly updateTime: Date;
}

/** The signed-in user who asks for something. */
export interface Actor {
  readonly id: string;
  readonly roles: readonly string[];
}

/** How one field travels from an update to the user, by its name in the mask. A missing value is undefined. */
const readers: { readonly [path: string]: (message: UserMessage) => Partial<UserDetails> | undefined } = {
  email: ({ email }) => (email === "" ? undefined : { email: normaliseEmail(email) }),
  display_name: ({ displayName }) => (displayName === "" ? undefined : { displayName }),
  roles: ({ roles }) => ({ roles: [...roles].sort() }),
};

/** The form in which addresses are stored and compared. */
export function normaliseEmail(email: string): string {
  return email.toLowerCase();
}

/** Starts a user's life. */
export function createUser(id: string, details: UserDetails, now: Date): User {
  const { email, displayName, roles } = details;
  return { id, email: normaliseEmail(email), displayName, roles, createTime: now, updateTime: now };
}

/**
 * The id that a caller means, "me" being the caller.
 *
 * @throws Refusal NOT_YOURS when it is somebody else's and the caller is no admin, whether or not that user exists.
 */
export function requireOwn(actor: Actor, id: string): string {
  const meant = id === "me" ? actor.id : id.toLowerCase();
  if (meant !== actor.id && !isAdmin(actor)) {
    throw new Refusal(IdentityErrorReason.NOT_YOURS);
  }
  return meant;
}

/** What an update asks for. */
export interface UserUpdate {
  readonly actor: Actor;
  /** The new values. */
  readonly message: UserMessage;
  /** The update mask. */
  readonly paths: readonly string[];
}

/**
 * Takes over the fields that the mask names (AIP-134): without a mask those that hold a value, with "*" all that the
 * actor may change. Returns the same object when nothing changes.
 *
 * @throws Refusal FIELD_NOT_UPDATABLE for any other path, for roles unless an admin asks, and for a required field
 * without a value.
 */
export function changeUser(user: User, { actor, message, paths }: UserUpdate, now: Date): User {
  const changed = { ...user };
  for (const path of pathsToChange(actor, message, paths)) {
    const change = Object.hasOwn(readers, path) ? readers[path]?.(message) : undefined;
    if (change === undefined || (path === "roles" && !isAdmin(actor))) {
      throw new Refusal(IdentityErrorReason.FIELD_NOT_UPDATABLE, { field: path });
    }
    Object.assign(changed, change);
  }
  return sameDetails(user, changed) ? user : { ...changed, updateTime: now };
}

/** The refusal for a user who is not there. */
export function userNotFound(id: string): Refusal {
  return new Refusal(IdentityErrorReason.USER_NOT_FOUND, { user_id: id });
}

function pathsToChange(actor: Actor, message: UserMessage, paths: readonly string[]): readonly string[] {
  const set = {
    email: message.email !== "",
    display_name: message.displayName !== "",
    roles: message.roles.length > 0,
  };
  if (paths.length === 0) {
    return Object.entries(set).flatMap(([path, isSet]) => (isSet ? [path] : []));
  }
  if (paths.length === 1 && paths[0] === "*") {
    // Roles that somebody without the right to change them sends along are refused, not overlooked.
    return isAdmin(actor) || set.roles ? Object.keys(set) : ["email", "display_name"];
  }
  return paths;
}

function isAdmin(actor: Actor): boolean {
  return actor.roles.includes(adminRole);
}

function sameDetails(a: UserDetails, b: UserDetails): boolean {
  return a.email === b.email && a.displayName === b.displayName && a.roles.join() === b.roles.join();
}
