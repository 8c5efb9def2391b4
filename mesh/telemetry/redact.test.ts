import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { CreateSessionResponseSchema, CreateUserRequestSchema } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { redact } from "./redact.ts";

test("sensitive fields are replaced, also in nested messages", () => {
  const message = create(CreateSessionResponseSchema, {
    accessToken: "secret",
    expireTime: { seconds: 0n },
    user: { id: "u-1", email: "ada@example.com", roles: ["customer"] },
  });
  expect(redact(CreateSessionResponseSchema, message)).toEqual({
    accessToken: "[redacted]",
    expireTime: "1970-01-01T00:00:00Z",
    user: { id: "u-1", email: "[redacted]", roles: ["customer"] },
  });
});

test("an unset sensitive field stays out", () => {
  const message = create(CreateUserRequestSchema, { password: "correct horse" });
  expect(redact(CreateUserRequestSchema, message)).toEqual({ password: "[redacted]" });
});
