import type { JsonWriter } from "./json-writer.ts";
import { UNUSUAL } from "./unusual.ts";
import { type WireReader, WireType } from "./wire-reader.ts";

const SECONDS_TAG = (1 << 3) | WireType.VARINT;
const NANOS_TAG = (2 << 3) | WireType.VARINT;
/** 0001-01-01T00:00:00Z, the first second that has a JSON form. */
const FIRST_SECOND = -62_135_596_800;
/** 9999-12-31T23:59:59Z, the last second that has a JSON form. */
const LAST_SECOND = 253_402_300_799;
const DAY_SECONDS = 86_400;
const MOST_DAYS = 4_096;
const days = new Map<number, Uint8Array>();
const COLON = 0x3a;
const POINT = 0x2e;
const END = Buffer.from('Z"');

/** Prints a google.protobuf.Timestamp as in RFC 3339, with 0, 3, 6 or 9 digits after the second. */
export function printTimestamp(reader: WireReader, json: JsonWriter): void {
  const end = reader.end();
  let [seconds, nanos] = [0, 0];
  while (reader.at < end) {
    const tag = reader.varint();
    const low = reader.varint();
    if (tag === SECONDS_TAG) seconds = (reader.high | 0) * 0x1_0000_0000 + low;
    else if (tag === NANOS_TAG && reader.high === 0) nanos = low;
    else throw UNUSUAL;
  }
  if (reader.at !== end || seconds < FIRST_SECOND || seconds > LAST_SECOND || nanos > 999_999_999) throw UNUSUAL;
  const day = Math.floor(seconds / DAY_SECONDS);
  json.raw(dayOf(day));
  const rest = seconds - day * DAY_SECONDS;
  json.digits(Math.floor(rest / 3_600), 2);
  json.character(COLON);
  json.digits(Math.floor(rest / 60) % 60, 2);
  json.character(COLON);
  json.digits(rest % 60, 2);
  if (nanos > 0) printFraction(json, nanos);
  json.raw(END);
}

function printFraction(json: JsonWriter, nanos: number): void {
  json.character(POINT);
  if (nanos % 1_000_000 === 0) json.digits(nanos / 1_000_000, 3);
  else if (nanos % 1_000 === 0) json.digits(nanos / 1_000, 6);
  else json.digits(nanos, 9);
}

/** `"2026-01-31T`, by days since 1970. Times of one answer are often of few days. */
function dayOf(day: number): Uint8Array {
  let text = days.get(day);
  if (!text) {
    text = Buffer.from(`"${new Date(day * DAY_SECONDS * 1_000).toISOString().slice(0, 11)}`);
    if (days.size >= MOST_DAYS) days.clear();
    days.set(day, text);
  }
  return text;
}
