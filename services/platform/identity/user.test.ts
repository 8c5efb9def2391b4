import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { IdentityErrorReason } from "#gen/platform/identity/v1/identity_errors_pb.ts";
import { UserSchema } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { changeUser, createUser, requireOwn } from "./user.ts";

const created = new Date("2026-01-01T00:00:00Z");
const later = new Date("2026-02-01T00:00:00Z");
const ada = createUser("ada", { email: "Ada@Example.COM", displayName: "Ada", roles: ["customer"] }, created);
const admin = { id: "root", roles: ["admin"] };

type Values = MessageInitShape<typeof UserSchema>;

function change(actor: { id: string; roles: readonly string[] }, values: Values, ...paths: string[]) {
  return changeUser(ada, { actor, message: create(UserSchema, values), paths }, later);
}

function notUpdatable(field: string) {
  return expect.objectContaining({ reason: IdentityErrorReason.FIELD_NOT_UPDATABLE, metadata: { field } });
}

test("addresses are kept in lower case", () => {
  expect(ada.email).toBe("ada@example.com");
  expect(change(ada, { email: "Lovelace@Example.com" }, "email").email).toBe("lovelace@example.com");
});

describe("requireOwn", () => {
  const [lower, upper] = ["0198aaaa-0000-7000-8000-000000000001", "0198AAAA-0000-7000-8000-000000000001"];
  const user = { id: lower, roles: ["customer"] };

  test('"me" and the own id, in any letter case, are the caller', () => {
    expect([requireOwn(user, "me"), requireOwn(user, lower), requireOwn(user, upper)]).toEqual([lower, lower, lower]);
  });

  test("others are refused, except to an admin", () => {
    expect(() => requireOwn({ ...user, id: "other" }, lower)).toThrow(
      expect.objectContaining({ reason: IdentityErrorReason.NOT_YOURS }),
    );
    expect(requireOwn(admin, upper)).toBe(lower);
  });
});

describe("changeUser", () => {
  test("takes over exactly the fields of the mask", () => {
    const values = { email: "new@example.com", displayName: "Augusta", roles: ["admin"] };
    expect(change(ada, values, "display_name")).toEqual({ ...ada, displayName: "Augusta", updateTime: later });
  });

  test("without a mask takes over the fields that hold a value", () => {
    expect(change(ada, { displayName: "Augusta" })).toEqual({ ...ada, displayName: "Augusta", updateTime: later });
    expect(change(ada, {})).toBe(ada);
  });

  test('"*" stands for all that the actor may change', () => {
    const values = { email: "new@example.com", displayName: "Augusta" };
    expect(change(ada, values, "*")).toEqual({ ...ada, ...values, updateTime: later });
    expect(change(admin, values, "*")).toEqual({ ...ada, ...values, roles: [], updateTime: later });
  });

  test("an admin changes roles", () => {
    expect(change(admin, { roles: ["customer", "admin"] }, "roles").roles).toEqual(["admin", "customer"]);
  });

  test.each([[["roles"]], [["*"]], [[]]])("nobody else changes roles, with the mask %j", (paths) => {
    const values = { email: "new@example.com", displayName: "Augusta", roles: ["customer"] };
    expect(() => change(ada, values, ...paths)).toThrow(notUpdatable("roles"));
  });

  test.each(["id", "create_time", "password", "displayName", "toString", "", "email.x"])(
    "refuses the path %j",
    (path) => {
      expect(() => change(admin, { displayName: "Augusta" }, "display_name", path)).toThrow(notUpdatable(path));
    },
  );

  test.each(["email", "display_name"])("refuses to leave %s without a value", (path) => {
    expect(() => change(ada, {}, path)).toThrow(notUpdatable(path));
  });

  test("returns the same user when nothing changes", () => {
    expect(change(ada, { email: "ADA@example.com", displayName: "Ada" }, "*")).toBe(ada);
  });
});
