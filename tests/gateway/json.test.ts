import {
  createRegistry,
  type DescMessage,
  fromBinary,
  fromJsonString,
  type JsonValue,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileEncodeJson } from "../../gateway/json/encode-json.ts";
import { numbersOf, onlyFields } from "../../gateway/json/only-fields.ts";
import { compilePrintEncoded, compilePrintOnly, type PrintEncoded } from "../../gateway/json/print-encoded.ts";
import type { PrintingOptions } from "../../gateway/json/printing.ts";
import { compilePrint, compilePrintResponse, type PrintingRule } from "../../gateway/rest/print-answer.ts";
import { compileContract, messageOf } from "../../gateway/run-time-contract.fixture.ts";
import { arbitraryMessage } from "./arbitrary-message.fixture.ts";
import { mirrorMessage, mirrorTypes } from "./mirror.fixture.ts";
import { oddities, spoil } from "./spoilt-json.fixture.ts";

// The short way between JSON and encoding, beside protobuf-es: whatever comes, both have to say the same.
// DIFFERENTIAL_RUNS says how many messages; DIFFERENTIAL_SEED repeats them.
const numRuns = 2 * Number(process.env.DIFFERENTIAL_RUNS ?? 60);
const seed = Number(process.env.DIFFERENTIAL_SEED ?? Date.now() % 2 ** 31);

const old = compileContract(`
  syntax = "proto2";
  package test.old.v1;
  enum Level { LEVEL_LOW = 1; LEVEL_HIGH = 2; }
  message Needs { required string name = 1; }
  message Old {
    optional string name = 1; optional Level level = 2; repeated Level levels = 3; repeated int32 numbers = 4;
    repeated int32 packed_numbers = 5 [packed = true]; optional Needs needs = 7; optional Parted parted = 10;
    map<string, Level> by_name = 8; optional bytes data = 9 [default = "x"];
    extensions 100 to 199;
  }
  message Parted { optional group Part = 6 { optional string text = 1; } }
  message Usual {
    optional string name = 1; optional Level level = 2; repeated Level levels = 3; repeated int32 numbers = 4;
    optional bool flag = 5; optional sint32 size = 6; optional bytes data = 7; map<int32, string> by_number = 8;
    optional Usual again = 9; repeated uint32 packed_numbers = 10 [packed = true]; oneof choice { string a = 11; Usual b = 12; }
  }
  extend Old { optional string added = 100; }
`);
const registry = createRegistry(mirrorTypes, old);
const inAny = ["Scalars", "Choice", "WellKnown", "Everything"].map(mirrorMessage);
const usual = messageOf(old, "test.old.v1.Usual");
const everything = mirrorMessage("Everything");
/** Of test.old.v1.Old the extension, of the others a field that nobody knows. */
const added = Buffer.from([0xa2, 0x06, 0x01, 0x61]);
const descs: readonly DescMessage[] = [
  ...["Scalars", "Optionals", "Lists", "Maps", "Choice", "WellKnown", "Dynamic"].map(mirrorMessage),
  everything,
  messageOf(old, "test.old.v1.Old"),
  usual,
];
const settings = [true, false].flatMap((alwaysEmitImplicit) =>
  [true, false].flatMap((useProtoFieldName) =>
    [true, false].map((enumAsInteger) => ({ alwaysEmitImplicit, useProtoFieldName, enumAsInteger, registry })),
  ),
);

const usualPrinting: PrintingOptions = {
  ...{ alwaysEmitImplicit: true, useProtoFieldName: false, enumAsInteger: false },
  registry,
};

interface Printer {
  readonly options: PrintingOptions;
  readonly print: PrintEncoded | undefined;
}

/** Messages that have an encoding: nothing that is required is missing. */
const messagesOf = (desc: DescMessage) =>
  arbitraryMessage(desc, { inAny, depth: 4 }).filter((message) => attempt(() => toBinary(desc, message)) !== "thrown");
const check = <T>(values: fc.Arbitrary<T>, property: (value: T) => void) =>
  fc.assert(fc.property(values, property), { seed, numRuns });

/** What a way gives, or that it throws. */
function attempt<T>(way: () => T): T | "thrown" {
  try {
    return way();
  } catch {
    return "thrown";
  }
}

describe.each(descs.map((desc) => [desc.name, desc] as const))("%s", (_, desc) => {
  const encode = compileEncodeJson(desc, { ignoreUnknownFields: false, registry });

  const printer = fc.constantFrom(
    ...settings.map((options) => ({ options, print: compilePrintEncoded(desc, options) })),
  );

  /** The short way may leave it at that; what it prints must be right. */
  function expectSamePrint(bytes: Uint8Array, { options, print }: Printer): void {
    const printed = print?.(bytes);
    if (!printed) return;
    expect(JSON.parse(printed.toString())).toEqual(throughText(toJson(desc, fromBinary(desc, bytes), options)));
  }

  test("prints what protobuf-es prints", () => {
    check(fc.tuple(messagesOf(desc), printer), ([message, by]) => expectSamePrint(toBinary(desc, message), by));
  });

  test("prints encodings in two parts as protobuf-es does", () => {
    const between = fc.constantFrom(Buffer.alloc(0), added);
    check(fc.tuple(messagesOf(desc), between, messagesOf(desc), printer), ([first, bytes, second, by]) => {
      expectSamePrint(Buffer.concat([toBinary(desc, first), bytes, toBinary(desc, second)]), by);
    });
  });

  test("prints nothing that protobuf-es prints otherwise, or refuses", () => {
    const spoiling = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 });
    check(fc.tuple(messagesOf(desc), spoiling, fc.nat(), printer), ([message, changes, end, by]) => {
      const bytes = Buffer.from(toBinary(desc, message));
      for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
      expectSamePrint(end % 2 === 0 ? bytes : bytes.subarray(0, end % (bytes.length + 1)), by);
    });
  });

  test("leaves out of an encoding all fields but some", () => {
    const numbers = fc.subarray([...desc.fields], { maxLength: 2 }).map((fields) => fields.flatMap(numbersOf));
    check(fc.tuple(messagesOf(desc), messagesOf(desc), numbers), ([first, second, kept]) => {
      const bytes = Buffer.concat([toBinary(desc, first), added, toBinary(desc, second)]);
      const expected = fromBinary(desc, bytes, { readUnknownFields: false });
      const target = reflect(desc, expected);
      for (const field of desc.fields) if (!kept.includes(field.number)) target.clear(field);
      const left = fromBinary(desc, onlyFields(bytes, new Set(kept)));
      expect(toBinary(desc, left)).toEqual(toBinary(desc, expected));
    });
  });

  const answers = desc.fields.flatMap(({ name }) =>
    settings.map((options) => {
      const rule = bodyRule(name, options);
      return { name, print: compilePrint(desc, rule), printResponse: compilePrintResponse(desc, rule) };
    }),
  );

  test("prints one field, alone or among others, as protobuf-es does", () => {
    const others = fc.tuple(fc.boolean(), fc.constantFrom(Buffer.alloc(0), added));
    check(
      fc.tuple(messagesOf(desc), others, fc.constantFrom(...answers)),
      ([message, [alone, more], { name, print, printResponse }]) => {
        if (alone) keepOnly(name, reflect(desc, message));
        const bytes = Buffer.concat([toBinary(desc, message), more]);
        const printed = printResponse(bytes, false).toString();
        expect(JSON.parse(printed)).toEqual(JSON.parse(print(fromBinary(desc, bytes))));
      },
    );
  });

  function expectSameMessage(bytes: Uint8Array, text: string): void {
    const expected = toBinary(desc, fromJsonString(desc, text, { registry }));
    expect(toBinary(desc, fromBinary(desc, bytes)), text).toEqual(expected);
  }

  test("encodes what protobuf-es prints", () => {
    check(fc.tuple(messagesOf(desc), fc.constantFrom(...settings)), ([message, options]) => {
      const json = attempt(() => toJson(desc, message, options));
      if (json === "thrown") return;
      const text = JSON.stringify(json);
      const bytes = encode?.(Buffer.from(text));
      if (bytes) expectSameMessage(bytes, text);
    });
  });

  test("encodes nothing that protobuf-es takes for something else", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...oddities)), { minLength: 1, maxLength: 3 });
    check(fc.tuple(messagesOf(desc), changes), ([message, spoiling]) => {
      const json = attempt(() => toJson(desc, message, { registry }));
      if (json === "thrown") return;
      const text = spoiling.reduce((now, [at, oddity]) => spoil(now, at, oddity), JSON.stringify(json));
      const bytes = encode?.(Buffer.from(text));
      if (bytes) expectSameMessage(bytes, text);
    });
  });
});

/** The rule of an answer that is one field of its response. */
function bodyRule(responseBody: string, options: PrintingOptions): PrintingRule {
  return {
    responseBody,
    printDefaults: options.alwaysEmitImplicit,
    fieldNames: options.useProtoFieldName ? "proto" : "json",
    enums: options.enumAsInteger ? "number" : "name",
    registry,
  };
}

function keepOnly(name: string, message: ReflectMessage): void {
  for (const field of message.fields) if (field.name !== name) message.clear(field);
}

function throughText(json: JsonValue): JsonValue {
  return JSON.parse(JSON.stringify(json));
}

const unusual: Readonly<Record<string, string>> = {
  "a member given twice": '{"name":"a","name":"b"}',
  "a member given twice, deep down": '{"again":{"name":"a","\\u006eame":"b"}}',
  "a key given twice": '{"byNumber":{"1":"a","1":"b"}}',
  "a member in both spellings": '{"byNumber":{},"by_number":{}}',
  "two members of a oneof": '{"a":"x","b":{}}',
  "a member that nobody knows": '{"nobody":1}',
  "half a surrogate pair": '{"name":"\\ud800"}',
  "levels without end": `${'{"again":'.repeat(51)}{}${"}".repeat(51)}`,
  "a list": "[]",
  "no JSON": '{"name":"a"',
  "no UTF-8": '{"name":"\xe9"}',
};

test.each(Object.entries(unusual))("%s is left to protobuf-es", (_, json) => {
  const encode = compileEncodeJson(usual, { ignoreUnknownFields: false, registry });
  expect(encode?.(Buffer.from(json, "latin1"))).toBeUndefined();
  expect(encode?.(Buffer.from('{"name":"a"}'))).toEqual(Buffer.from("\x0a\x01a"));
});

test("the usual takes the short way to JSON", () => {
  const printers = settings.map((options) => ({ options, print: compilePrintEncoded(everything, options) }));
  check(fc.tuple(messagesOf(everything), fc.constantFrom(...printers)), ([message, { options, print }]) => {
    const printed = print?.(toBinary(everything, message));
    expect(printed && JSON.parse(printed.toString())).toEqual(throughText(toJson(everything, message, options)));
  });
});

test("a field that is alone takes the short way to JSON", () => {
  const fields = everything.fields.filter(({ fieldKind }) => fieldKind !== "list" && fieldKind !== "map");
  const printers = fields.map((field) => ({ field, print: compilePrintOnly(field, usualPrinting) }));
  check(fc.tuple(messagesOf(everything), fc.constantFrom(...printers)), ([message, { field, print }]) => {
    const target = reflect(everything, message);
    keepOnly(field.name, target);
    expect(print?.(toBinary(everything, message)) !== undefined, field.name).toBe(target.isSet(field));
  });
});

test("the usual takes the short way from JSON", () => {
  const encode = compileEncodeJson(usual, { ignoreUnknownFields: false, registry });
  check(messagesOf(usual), (message) => {
    const bytes = encode?.(Buffer.from(JSON.stringify(toJson(usual, message, { registry }))));
    expect(bytes && toBinary(usual, fromBinary(usual, bytes))).toEqual(toBinary(usual, message));
  });
});
