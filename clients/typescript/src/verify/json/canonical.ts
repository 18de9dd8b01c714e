/** The one text of JSON data that digests are computed over, byte for byte as Python's json module writes it. */

import { repr } from "../numbers/decimal.js";
import { has, isFloat, isObject, type Json, type JsonObject } from "./data.js";

/** Returns sorted keys, no spaces, ASCII, whole numbers as integers and others in their shortest digits. */
export function canonical(value: Json): string {
  return written(value, ",", ":", (number) => (Number.isInteger(number) ? wholeDigits(number) : repr(number)));
}

/** Returns the text of Python's `json.dumps(value, sort_keys=True)`, in which 1.0 stays 1.0. */
export function dumped(value: Json, parent?: JsonObject, place?: string): string {
  const isDecimal = parent !== undefined && place !== undefined && isFloat(parent, place);
  return written(
    value,
    ", ",
    ": ",
    (number, asFloat) => (asFloat || !Number.isInteger(number) ? repr(number) : wholeDigits(number)),
    isDecimal,
  );
}

function wholeDigits(number: number): string {
  return String(number === 0 ? 0 : number);
}

function written(
  value: Json,
  comma: string,
  colon: string,
  number: (value: number, asFloat: boolean) => string,
  asFloat = false,
): string {
  if (typeof value === "number") return number(value, asFloat);
  if (typeof value === "string") return ascii(value);
  if (Array.isArray(value)) {
    return `[${value.map((inner, k) => written(inner, comma, colon, number, isFloat(value, k))).join(comma)}]`;
  }
  if (isObject(value)) {
    const members = Object.keys(value)
      .sort(byCodePoint)
      .map((key) => `${ascii(key)}${colon}${written(value[key] as Json, comma, colon, number, isFloat(value, key))}`);
    return `{${members.join(comma)}}`;
  }
  return String(value);
}

/** Returns a JSON string in ASCII; all other signs are escaped by their UTF-16 halves. */
function ascii(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function byCodePoint(one: string, other: string): number {
  const [a, b] = [Array.from(one), Array.from(other)];
  for (let k = 0; k < Math.min(a.length, b.length); k++) {
    const order = (a[k] as string).codePointAt(0)! - (b[k] as string).codePointAt(0)!;
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Returns the sha256 over a certificate without its digest and without the distances, which its evidence has a digest of, "sha256:<hex>". */
export async function contentDigest(document: JsonObject): Promise<string> {
  const covered = without(document, ["digest"]);
  const evidence = has(covered, "evidence") ? covered["evidence"] : undefined;
  if (isObject(evidence)) covered["evidence"] = without(evidence, ["distances"]);
  return sha256(new TextEncoder().encode(canonical(covered)));
}

/** Returns "sha256:<hex>" of bytes. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha256:${Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function without(object: JsonObject, names: readonly string[]): JsonObject {
  const rest = Object.create(null) as JsonObject;
  for (const key of Object.keys(object)) {
    if (!names.includes(key)) rest[key] = object[key] as Json;
  }
  return rest;
}
