/** Other people's words inside our sentences: quoted so that nobody can take them for ours. */

import { sha256 } from "../json/canonical.js";
import { Unsupported } from "../verdict.js";
import { kindOf, scripts } from "./unicode.js";

/** What the names of metrics and attacks begin with that a plug-in defines. */
export const PLUGIN = "plugin:";
const LONGEST = 64;
const MOST_MARKS = 2;
const LONE_HALF = /\p{Surrogate}/u;
const ESCAPES: Readonly<Record<string, string>> = { "'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Digests of the long texts of one document, computed before its statement is written again. */
export type LongTexts = ReadonlyMap<string, string>;

/** Returns the sha256 of every text that `quoted` cuts. */
export async function digestsOf(texts: Iterable<string>): Promise<LongTexts> {
  const long = [...new Set(texts)].filter((text) => Array.from(text).length > LONGEST && !LONE_HALF.test(text));
  const digests = await Promise.all(long.map((text) => sha256(new TextEncoder().encode(text))));
  return new Map(long.map((text, k) => [text, digests[k] as string]));
}

/**
 * Returns the text between single quotation marks, on one line, with what it is not plain about behind it: its length and
 * sha256 where it is long, the scripts of its letters where they are not all of ASCII.
 *
 * Throws Unsupported for half of a pair of surrogates, and for signs that have no name in the Unicode known here.
 */
export function quoted(text: string, long: LongTexts): string {
  if (LONE_HALF.test(text)) throw new Unsupported("the statement quotes half of a pair of surrogates");
  const signs = Array.from(text);
  const remarks: string[] = [];
  if (signs.length > LONGEST) {
    const digest = long.get(text);
    if (digest === undefined) throw new Unsupported("the statement quotes a long text whose digest is not at hand");
    remarks.push(`the first ${LONGEST} of ${signs.length} characters, ${digest}`);
  }
  if (!isAscii(text)) remarks.push(`written in ${scripts(text).join(", ") || "signs"}`);
  if (/['\\]/.test(text)) remarks.push("quotation marks inside are escaped");
  const shown = `'${escaped(signs.slice(0, LONGEST))}'`;
  return remarks.length > 0 ? `${shown} (${remarks.join("; ")})` : shown;
}

/** Letters, digits and a few marks on a letter are shown as they are; other signs beyond ASCII are escaped. */
function escaped(signs: readonly string[]): string {
  let marks = MOST_MARKS;
  const written = signs.map((sign) => {
    const kind = kindOf(sign).charAt(0);
    if (kind === "L") marks = 0;
    else if (kind === "M") marks += 1;
    const plain = isAscii(sign) ? kind !== "C" : "LN".includes(kind) || (kind === "M" && marks <= MOST_MARKS);
    if (!"LM".includes(kind)) marks = MOST_MARKS; // a mark must follow a letter
    return ESCAPES[sign] ?? (plain ? sign : `\\u{${(sign.codePointAt(0) as number).toString(16)}}`);
  });
  return written.join("");
}

function isAscii(text: string): boolean {
  return /^[\u0000-\u007f]*$/.test(text);
}
