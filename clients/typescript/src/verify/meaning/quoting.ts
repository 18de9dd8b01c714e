/** Other people's words inside our sentences: quoted so that nobody can take them for ours. */

import { sha256 } from "../json/canonical.js";
import { Unsupported } from "../verdict.js";

/** What the names of metrics and attacks begin with that a plug-in defines. */
export const PLUGIN = "plugin:";
const LONGEST = 64;
const ESCAPES: Readonly<Record<string, string>> = { "'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Digests of the long texts of one document, computed before its statement is written again. */
export type LongTexts = ReadonlyMap<string, string>;

/** Returns the sha256 of every text that `quoted` cuts. */
export async function digestsOf(texts: Iterable<string>): Promise<LongTexts> {
  const long = [...new Set(texts)].filter((text) => text.length > LONGEST);
  const digests = await Promise.all(long.map((text) => sha256(new TextEncoder().encode(text))));
  return new Map(long.map((text, k) => [text, digests[k] as string]));
}

/**
 * Returns the text between single quotation marks, escaped, with its length and sha256 where it is long.
 *
 * Throws Unsupported for text beyond ASCII: statements name its scripts by Unicode's names, which browsers do not have.
 */
export function quoted(text: string, long: LongTexts): string {
  if (/[^\u0000-\u007f]/.test(text)) {
    throw new Unsupported("the statement quotes text beyond ASCII, whose scripts it names by Unicode's names");
  }
  const remarks: string[] = [];
  if (text.length > LONGEST) {
    const digest = long.get(text);
    if (digest === undefined) throw new Unsupported("the statement quotes a long text whose digest is not at hand");
    remarks.push(`the first ${LONGEST} of ${text.length} characters, ${digest}`);
  }
  if (/['\\]/.test(text)) remarks.push("quotation marks inside are escaped");
  const shown = `'${Array.from(text.slice(0, LONGEST), escaped).join("")}'`;
  return remarks.length > 0 ? `${shown} (${remarks.join("; ")})` : shown;
}

function escaped(sign: string): string {
  const written = ESCAPES[sign];
  if (written !== undefined) return written;
  return sign >= " " && sign <= "~" ? sign : `\\u{${sign.charCodeAt(0).toString(16)}}`;
}
