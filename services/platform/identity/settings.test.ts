import { expect, test } from "vitest";
import { readIdentitySettings } from "./settings.ts";

const dayMs = 86_400_000;

test("without variables the defaults hold, and nobody is created", () => {
  expect(readIdentitySettings({})).toEqual({
    accessTokenMs: 900_000,
    refreshTokenMs: 30 * dayMs,
    rotateAfterMs: 30 * dayMs,
    adminPassword: undefined,
    demoData: false,
  });
});

test("variables are read", () => {
  const env = {
    PLATFORM_IDENTITY_ACCESS_TOKEN_LIFETIME: "5m",
    PLATFORM_IDENTITY_KEY_ROTATION: "24h",
    HEDDLE_ADMIN_PASSWORD: "heddle-admin",
    HEDDLE_DEMO_DATA: "true",
  };
  expect(readIdentitySettings(env)).toMatchObject({
    accessTokenMs: 300_000,
    rotateAfterMs: dayMs,
    adminPassword: "heddle-admin",
    demoData: true,
  });
});

test("every fault is listed, passwords are not repeated", () => {
  const env = { PLATFORM_IDENTITY_KEY_ROTATION: "1s", HEDDLE_ADMIN_PASSWORD: "short" };
  expect(() => readIdentitySettings(env)).toThrow(/KEY_ROTATION[\s\S]*HEDDLE_ADMIN_PASSWORD/);
  expect(() => readIdentitySettings(env)).not.toThrow(/short/);
});
