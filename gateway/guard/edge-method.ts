import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Access, Audience } from "#gen/heddle/v1/policy_pb.ts";
import type { MethodPolicy } from "#mesh/contract";
import type { User } from "#mesh/identity";

/** Whether people may call a method at all. One that only services may call is not reachable at the edge. */
export function isOpenToPeople({ access }: Pick<MethodPolicy, "access">): boolean {
  return access.audience !== Audience.UNSPECIFIED || access.roles.length > 0;
}

/**
 * Checks early, before a body is read, what the service checks again. Throws Unauthenticated when nobody is signed in
 * and somebody must be, PermissionDenied when the user lacks a role.
 */
export function checkAccess(access: Access, method: DescMethod, user: User | undefined): void {
  if (access.audience === Audience.PUBLIC) return;
  if (user === undefined) {
    throw new ConnectError(
      `${method.name} needs a signed-in user: send "Authorization: Bearer <access token>"`,
      Code.Unauthenticated,
    );
  }
  if (access.audience === Audience.SIGNED_IN) return;
  if (access.roles.some((role) => user.roles.includes(role))) return;
  throw new ConnectError(`${method.name} needs the role ${access.roles.join(" or ")}`, Code.PermissionDenied);
}
