/** What statements call the signs of a text: the scripts of its letters, by the names that Unicode gives these. */

import { Unsupported } from "../verdict.js";
import { KINDS, RUNS } from "./unicodeTable.js";

/**
 * L or N, and the first word of the name, of a letter or a number; M of a mark; S of another printable sign; C of one
 * that is not printable.
 */
export type Kind = string;

let table: { readonly kinds: readonly Kind[]; readonly starts: readonly number[]; readonly of: readonly number[] };

/** Returns the kind of a sign. Throws Unsupported for one that has no name in the table: a later Unicode may name it. */
export function kindOf(sign: string): Kind {
  const point = sign.codePointAt(0) as number;
  table ??= decoded();
  const { starts, of, kinds } = table;
  let [low, high] = [0, starts.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] as number) <= point) low = middle;
    else high = middle;
  }
  const kind = kinds[of[low] as number] as Kind;
  if (kind === "") throw new Unsupported(`the sign U+${point.toString(16)} has no name in the Unicode known here`);
  return kind;
}

function decoded(): typeof table {
  const [starts, of]: [number[], number[]] = [[], []];
  let start = 0;
  for (const run of RUNS.split(" ")) {
    const [kind, length] = run.split(".").map((digits) => parseInt(digits, 36)) as [number, number];
    starts.push(start);
    of.push(kind);
    start += length;
  }
  return { kinds: ["", ...KINDS.split(" ")], starts, of };
}

/** Returns whether every sign of a text is printable, as Python's `str.isprintable` says. */
export function isPrintable(text: string): boolean {
  return Array.from(text).every((sign) => kindOf(sign) !== "C");
}

/** Returns the scripts of a text's letters and digits beyond ASCII digits, in alphabetical order. */
export function scripts(text: string): string[] {
  const named = Array.from(text)
    .filter((sign) => !/[0-9]/.test(sign))
    .map(kindOf)
    .filter((kind) => kind.startsWith("L") || kind.startsWith("N"))
    .map((kind) => kind.slice(1));
  return [...new Set(named)].sort();
}

/** Returns a text as Python's `repr` writes it. */
export function repr(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  return `${mark}${Array.from(text, (sign) => escapedInRepr(sign, mark)).join("")}${mark}`;
}

const SHORT: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escapedInRepr(sign: string, mark: string): string {
  if (sign === mark) return `\\${mark}`;
  const short = SHORT[sign];
  if (short !== undefined) return short;
  if (kindOf(sign) !== "C") return sign;
  const digits = (sign.codePointAt(0) as number).toString(16);
  if (digits.length <= 2) return `\\x${digits.padStart(2, "0")}`;
  return digits.length <= 4 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
}
