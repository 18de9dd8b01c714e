/** The entry: a document in any of its forms, and the verdict on it. */

import { asObject, copied, field, isObject, type Json, type JsonObject } from "./json/data.js";
import { parseJson } from "./json/parse.js";
import { verifyEdits } from "./edits/verify.js";
import { verifyExhaustive } from "./exhaustive/verify.js";
import { fleetMethodOf } from "./fleet/certificate.js";
import { verifyFleet } from "./fleet/verify.js";
import { digestsOf } from "./meaning/quoting.js";
import { quotable } from "./scores/quotable.js";
import { methodOf } from "./spread/certificate.js";
import { verifySpread } from "./spread/verify.js";
import { verifyUnits } from "./units/verify.js";
import { Invalid, Unsupported, unsupported, verdictOf, type Verification } from "./verdict.js";

/** The methods of version 2 that rest on no noise. */
const OF_RUNS: ReadonlyMap<Json | undefined, typeof verifyExhaustive> = new Map([
  ["exhaustive/v1", verifyExhaustive],
  ["units/v1", verifyUnits],
  ["edits/v1", verifyEdits],
]);
const SCHEMA_V2 = "smoothgen/certificate/v2";

/**
 * Recomputes a certificate from its evidence and compares every stated number. Needs no server and no model.
 *
 * document: the JSON text of a certificate, its bytes, or its data; a certificate inside the answer of
 * `POST /generate` is found in its field `certificate`. A text is read more strictly than data: a key stated twice, and
 * a count written 16.0, can only be seen there.
 *
 * now: the reader's clock, for the window of a fleet, which cannot be closed before its time has ended.
 *
 * Methods exhaustive/v1, units/v1, edits/v1, spread/v1, spread/v2, fleet/v1 and fleet/v2 are known. Everything else is
 * `unsupported`, never valid. Never throws for what a document says.
 */
export async function verify(document: unknown, now = new Date()): Promise<Verification> {
  try {
    return await judged(certificateIn(dataOf(document)), now);
  } catch (error) {
    if (error instanceof Invalid)
      return verdictOf([{ name: "document", passed: false, detail: error.message }], "not checked", []);
    if (error instanceof Unsupported) return unsupported(error.message);
    throw error;
  }
}

async function judged(document: JsonObject, now: Date): Promise<Verification> {
  const [schema, method] = [field(document, "schema"), field(document, "method")];
  const spread = methodOf(schema, method);
  const ofRuns = schema === SCHEMA_V2 ? OF_RUNS.get(method) : undefined;
  const long = await digestsOf(quotable(document));
  if (spread !== null) return verifySpread(document, spread, long);
  if (ofRuns !== undefined) return ofRuns(document, long);
  const fleet = fleetMethodOf(schema, method);
  if (fleet !== null) return verifyFleet(document, fleet, long, now);
  throw new Unsupported(`method ${JSON.stringify(method)} of schema ${JSON.stringify(schema)}`.slice(0, 200));
}

/** Returns the data of a document in any of its forms. Throws Invalid, Unsupported. */
export function dataOf(document: unknown): Json {
  if (typeof document === "string") return parseJson(document);
  if (document instanceof Uint8Array) {
    try {
      return parseJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(document));
    } catch (error) {
      if (error instanceof TypeError) throw new Invalid("not UTF-8");
      throw error;
    }
  }
  return copied(document);
}

/** Returns the certificate that the data is, or that stands in an answer's field `certificate`. Throws Invalid. */
export function certificateIn(data: Json): JsonObject {
  const document = asObject(data, "a certificate");
  const inside = field(document, "certificate");
  return field(document, "schema") === undefined && isObject(inside) ? inside : document;
}
