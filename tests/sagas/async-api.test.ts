import { readFileSync } from "node:fs";
import specifications from "@asyncapi/specs";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { asyncApi } from "#mesh/verify";
import { changeEvent, prove } from "./mutant.fixture.ts";

// The official schema is written for many versions and formats; strictness would find fault with the schema itself.
const validate = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(
  specifications.schemasWithoutId["3.0.0"],
);

function faultsOf(document: unknown): unknown[] {
  validate(document);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

interface Document {
  readonly channels: Readonly<Record<string, { readonly address: string; readonly parameters: object }>>;
  readonly operations: Readonly<Record<string, { readonly action: string; readonly channel: object }>>;
}

const committed: Document = JSON.parse(readFileSync("docs/events.asyncapi.json", "utf8"));

describe("the AsyncAPI document of all events", () => {
  it("is what the official JSON Schema of AsyncAPI 3 calls valid", () => {
    expect(faultsOf(committed)).toEqual([]);
  });

  it("stays valid when the contracts change", () => {
    const { system } = prove((c) => changeEvent(c, "OrderPlaced", (value) => Object.assign(value, { public: true })), {
      sagas: 1,
    });
    expect(faultsOf(JSON.parse(JSON.stringify(asyncApi(system))))).toEqual([]);
  });

  it("names every parameter of an address", () => {
    for (const { address, parameters } of Object.values(committed.channels)) {
      const named = [...address.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
      expect(Object.keys(parameters)).toEqual(named);
    }
  });

  it("says nothing beside a reference, where JSON Schema would not see it", () => {
    const siblings: string[] = [];
    JSON.stringify(committed, (_name, value) => {
      if (typeof value?.$ref === "string" && Object.keys(value).length > 1) siblings.push(value.$ref);
      return value;
    });
    expect(siblings).toEqual([]);
  });

  it.each([
    ["an action that there is not", "operations", { x: { action: "announce", channel: { $ref: "#/channels/x" } } }],
    ["an operation without a channel", "operations", { x: { action: "send" } }],
    ["an address that is no text", "channels", { x: { address: 1 } }],
    ["a message that is no object", "components", { messages: { x: "OrderPlaced" } }],
    ["no title", "info", { version: "1.0.0" }],
    ["a property that there is not", "channel", {}],
  ])("would not be valid with %s", (_title, name, value) => {
    expect(faultsOf({ ...committed, [name]: value })).not.toEqual([]);
  });
});
