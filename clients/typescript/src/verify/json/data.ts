/** JSON data, read kind by kind. `where` names the place in errors. */

import { Invalid, Unsupported } from "../verdict.js";

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

const DEEPEST = 100;
const LARGEST_WHOLE = 2 ** 53;
const writtenAsFloat = new WeakMap<object, Set<string>>();

/** Remembers that a whole number was written with a point or an exponent: 16.0 is no count, and prints as "16.0". */
export function markWrittenAsFloat(parent: object, place: string | number): void {
  const places = writtenAsFloat.get(parent) ?? new Set();
  writtenAsFloat.set(parent, places.add(String(place)));
}

/** Returns whether a number of this object or list is one that was not written as a whole number. */
export function isFloat(parent: JsonObject | readonly Json[], place: string | number): boolean {
  const value = (parent as Record<string | number, Json>)[place];
  return typeof value === "number" && (!Number.isInteger(value) || !!writtenAsFloat.get(parent)?.has(String(place)));
}

/**
 * Returns a copy of data that a program holds, as `parseJson` would have read it; a whole number is one that was written
 * as one. Throws Invalid for what is no JSON data.
 */
export function copied(value: unknown, depth = 0): Json {
  if (depth > DEEPEST) throw new Invalid(`the document is nested deeper than ${DEEPEST} levels`);
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new Invalid(`a certificate holds finite numbers only, got ${value}`);
    if (Number.isInteger(value) && Math.abs(value) >= LARGEST_WHOLE) {
      throw new Unsupported(`a whole number of 2^53 or more, ${value}, which this verifier cannot hold`);
    }
    return value;
  }
  if (Array.isArray(value)) {
    const list = Array.from(value, (inner: unknown) => copied(inner, depth + 1));
    carryMarks(value, list);
    return list;
  }
  if (typeof value === "object" && [null, Object.prototype].includes(Object.getPrototypeOf(value) as null)) {
    const read = Object.create(null) as JsonObject;
    for (const [key, inner] of Object.entries(value)) read[key] = copied(inner, depth + 1);
    carryMarks(value, read);
    return read;
  }
  throw new Invalid(`a certificate is JSON data, got ${typeof value}`);
}

function carryMarks(from: object, to: object): void {
  const places = writtenAsFloat.get(from);
  if (places !== undefined) writtenAsFloat.set(to, places);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns whether the object has the field, its prototype's left out. */
export function has(object: JsonObject, name: string): boolean {
  return Object.hasOwn(object, name);
}

/** Returns a field, undefined where the object does not have it. */
export function field(object: JsonObject, name: string): Json | undefined {
  return has(object, name) ? object[name] : undefined;
}

export function asObject(value: Json | undefined, where: string): JsonObject {
  if (!isObject(value)) throw wrong(where, "an object", value);
  return value;
}

export function asList(value: Json | undefined, where: string): Json[] {
  if (!Array.isArray(value)) throw wrong(where, "a list", value);
  return value;
}

export function asString(value: Json | undefined, where: string): string {
  if (typeof value !== "string") throw wrong(where, "a string", value);
  return value;
}

export function asNumber(value: Json | undefined, where: string): number {
  if (typeof value !== "number") throw wrong(where, "a finite number", value);
  return value;
}

export function numberOrNull(value: Json | undefined, where: string): number | null {
  return value === null ? null : asNumber(value, where);
}

/** Returns a field that is a whole number, written as one. */
export function wholeNumber(object: JsonObject, name: string, where: string): number {
  if (!isWhole(object, name)) throw wrong(where, "a whole number", field(object, name));
  return object[name] as number;
}

export function wholeOrNull(object: JsonObject, name: string, where: string): number | null {
  return field(object, name) === null ? null : wholeNumber(object, name, where);
}

/** Returns whether a member is a whole number that was written as one. */
export function isWhole(parent: JsonObject | readonly Json[], place: string | number): boolean {
  const value = (parent as Record<string | number, Json | undefined>)[place];
  return typeof value === "number" && Number.isInteger(value) && !isFloat(parent, place);
}

/** Throws Invalid unless the object has every required field, and no others than those and the optional ones. */
export function requireFields(
  object: JsonObject,
  where: string,
  required: Iterable<string>,
  optional: Iterable<string> = [],
): void {
  const [must, may] = [new Set(required), new Set(optional)];
  const missing = [...must].filter((name) => !has(object, name));
  const foreign = Object.keys(object).filter((name) => !must.has(name) && !may.has(name));
  if (missing.length > 0 || foreign.length > 0) {
    throw new Invalid(`${where}: fields missing: [${missing}]; unknown fields: [${foreign}]`.slice(0, 300));
  }
}

/** Returns whether two pieces of JSON data are equal; true is not 1. */
export function sameJson(one: Json | undefined, other: Json | undefined): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((value, k) => sameJson(value, other[k]));
  }
  if (isObject(one) && isObject(other)) {
    const keys = Object.keys(one);
    return (
      keys.length === Object.keys(other).length &&
      keys.every((key) => has(other, key) && sameJson(one[key], other[key]))
    );
  }
  return one === other;
}

function wrong(where: string, what: string, value: Json | undefined): Invalid {
  return new Invalid(`${where} must be ${what}, got ${shown(value)}`);
}

/** Returns a value as errors show it. */
export function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 80);
}
