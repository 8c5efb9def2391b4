import { Code, ConnectError } from "@connectrpc/connect";
import { type Access, Audience } from "#gen/heddle/v1/policy_pb.ts";
import type { Caller } from "#mesh/identity";
import type { Step } from "../step.ts";

/** Lets a call pass that the method's policy names, by audience, role or calling service, and no other. */
export function authorise(next: Step): Step {
  return (call) => {
    const access = call.served.policy?.access;
    if (access && mayCall(access, call.caller)) return next(call);
    return Promise.reject(refusal(access, call.caller));
  };
}

function mayCall(access: Access, { user, service }: Caller): boolean {
  if (access.audience === Audience.PUBLIC) return true;
  if (user && access.audience === Audience.SIGNED_IN) return true;
  if (user && access.roles.some((role) => user.roles.includes(role))) return true;
  return service !== undefined && access.services.includes(service);
}

/** Unauthenticated tells the caller to sign in and try again, so it is said only where that could help. */
function refusal(access: Access | undefined, { user }: Caller): ConnectError {
  const forUsers = access?.audience === Audience.SIGNED_IN || (access?.roles.length ?? 0) > 0;
  if (!user && forUsers) return new ConnectError("sign in and send the access token", Code.Unauthenticated);
  const needed = access?.roles.length ? `: it needs the role ${access.roles.join(" or ")}` : "";
  return new ConnectError(`the caller may not call this method${needed}`, Code.PermissionDenied);
}
