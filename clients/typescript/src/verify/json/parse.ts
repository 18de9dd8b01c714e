/** A strict JSON reader: one key once in an object, finite numbers, bounded depth, nothing but JSON. */

import { Invalid, Unsupported } from "../verdict.js";
import { markWrittenAsFloat, type Json, type JsonObject } from "./data.js";

/** Levels of nesting that a document may have. */
const DEEPEST = 100;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;
const WORDS: readonly (readonly [string, Json])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];
/** Whole numbers from here on may lose digits when they are read as doubles. */
const LARGEST_WHOLE = 2 ** 53;

/**
 * Returns the data of a JSON text. Objects have no prototype, and remember which of their whole numbers were written
 * with a point or an exponent.
 *
 * `JSON.parse` would do, but for keys that are stated twice: it takes the last, and another reader may take the first.
 *
 * Throws Invalid for a text that is no strict JSON, Unsupported for whole numbers of 2^53 and more.
 */
export function parseJson(text: string): Json {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  value(depth: number): Json {
    this.match(SPACE);
    if (depth > DEEPEST) throw new Invalid(`the document is nested deeper than ${DEEPEST} levels`);
    const first = this.text[this.at];
    if (first === "{") return this.object(depth);
    if (first === "[") return this.array(depth);
    if (first === '"') return this.string();
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    return this.number().value;
  }

  end(): void {
    this.match(SPACE);
    if (this.at < this.text.length) this.fail();
  }

  private object(depth: number): JsonObject {
    const read = Object.create(null) as JsonObject;
    for (const key of this.members("{", "}", () => this.key(read))) {
      this.member(read, key, depth);
    }
    return read;
  }

  private array(depth: number): Json[] {
    const read: Json[] = [];
    for (const index of this.members("[", "]", () => read.length)) {
      this.member(read, index, depth);
    }
    return read;
  }

  /** Yields the place of every member between two brackets; whoever asks for the next has read the member before. */
  private *members<Place>(open: string, close: string, place: () => Place): Generator<Place> {
    this.expect(open);
    this.match(SPACE);
    if (this.text[this.at] === close) {
      this.at += 1;
      return;
    }
    do {
      this.match(SPACE);
      yield place();
      this.match(SPACE);
    } while (this.take(","));
    this.expect(close);
  }

  private key(read: JsonObject): string {
    if (this.text[this.at] !== '"') this.fail();
    const key = this.string();
    if (Object.hasOwn(read, key)) throw new Invalid(`key ${JSON.stringify(key).slice(0, 80)} is stated more than once`);
    this.match(SPACE);
    this.expect(":");
    return key;
  }

  private member<Place extends string | number>(parent: JsonObject | Json[], place: Place, depth: number): void {
    this.match(SPACE);
    const first = this.text[this.at] ?? "";
    if (first === "-" || (first >= "0" && first <= "9")) {
      const { value, asFloat } = this.number();
      (parent as Record<string | number, Json>)[place] = value;
      if (asFloat && Number.isInteger(value)) markWrittenAsFloat(parent, place);
    } else {
      (parent as Record<string | number, Json>)[place] = this.value(depth + 1);
    }
  }

  private number(): { value: number; asFloat: boolean } {
    const written = this.match(NUMBER);
    if (written === "") this.fail();
    const value = Number(written);
    if (!Number.isFinite(value))
      throw new Invalid(`a certificate holds finite numbers only, got ${written.slice(0, 40)}`);
    if (Number.isInteger(value) && Math.abs(value) >= LARGEST_WHOLE) {
      throw new Unsupported(`a whole number of 2^53 or more, ${written.slice(0, 40)}, which this verifier cannot hold`);
    }
    return { value, asFloat: /[.eE]/.test(written) };
  }

  private string(): string {
    const written = this.match(STRING);
    if (written === "") this.fail();
    return JSON.parse(written) as string;
  }

  /** Returns what the pattern matches here, and goes behind it. */
  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  private take(sign: string): boolean {
    if (this.text[this.at] !== sign) return false;
    this.at += 1;
    return true;
  }

  private expect(sign: string): void {
    if (!this.take(sign)) this.fail();
  }

  private fail(): never {
    throw new Invalid(`not JSON: unexpected ${JSON.stringify(this.text[this.at] ?? "end of the text")} at ${this.at}`);
  }
}
