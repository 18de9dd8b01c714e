/** A certificate of a public set of edits, as its document states it (edits/v1). */

import { readSeries, type Series } from "../exhaustive/evidence.js";
import {
  asList,
  asNumber,
  asObject,
  asString,
  has,
  numberOrNull,
  requireFields,
  wholeNumber,
  wholeOrNull,
  type Json,
  type JsonObject,
} from "../json/data.js";
import { readAsked, type AskedClaim } from "../scores/asked.js";
import { readSectionsOfRuns, type Provenance } from "../sections.js";
import { readSeed } from "../seed.js";
import { claimList } from "../spread/certificate.js";
import { rows, type Row } from "../units/certificate.js";
import { Invalid } from "../verdict.js";
import { EditsEvidence } from "./evidence.js";
import { readEditSet, type EditSetIdentity } from "./identity.js";

/** One edit that breaks the claim. index: its place in the set, from 0. distance: null where the run failed. */
export interface BreakingEdit {
  readonly index: number;
  readonly distance: number | null;
}
export interface EditsClaims {
  readonly share: number;
  readonly kept: number;
  readonly unchanged: number;
  readonly broken: number;
  readonly brokenBy: readonly BreakingEdit[];
  /** w1Bound and radius are null, and curve is empty, where texts were drawn. */
  readonly w1Bound: number | null;
  readonly radius: number | null;
  readonly curve: readonly Row[];
}
export interface EditsScoreClaim {
  readonly asked: AskedClaim;
  /** How bad each output is, the prompt's own first. */
  readonly series: Series;
  readonly statedFailed: number;
  readonly share: number;
  readonly kept: number;
  readonly brokenBy: number | null;
  readonly radius: number | null;
  readonly bound: number | null;
  readonly curve: readonly Row[];
}
export interface EditsCertificate {
  readonly document: JsonObject;
  readonly evidence: EditsEvidence;
  readonly tolerance: number;
  readonly alpha: number;
  readonly confidence: number;
  readonly claims: EditsClaims;
  /** The texts and outputs of the edits in `claims.brokenBy`. No number is derived from them. */
  readonly texts: readonly (string | null)[];
  readonly outputs: readonly (string | null)[];
  readonly editSet: EditSetIdentity | null;
  readonly provenance: Provenance;
  readonly id: string | null;
  readonly requestedAt: string | null;
  readonly scoreClaims: readonly EditsScoreClaim[];
  readonly keep: number | null;
}

const REQUIRED = [
  ...["statement", "share", "kept", "unchanged", "broken", "broken_by", "w1_bound", "radius", "curve"],
  ...["schema", "method", "tolerance", "confidence", "alpha"],
  ...["diameter", "size", "singles", "runs", "failed", "evidence", "digest"],
];
const OPTIONAL = [
  ...["id", "requested_at", "draws", "edit_set", "claims", "keep"],
  ...["request", "model", "metric", "output"],
];
const STATED_OF_SCORES = ["share", "kept", "broken_by", "radius", "bound", "curve", "failed", "evidence"];

/** Reads a certificate as stated, without judging it. Throws Invalid naming the field that does not fit. */
export function readEdits(document: JsonObject): EditsCertificate {
  requireFields(document, "a certificate", REQUIRED, OPTIONAL);
  for (const name of ["runs", "failed"]) wholeNumber(document, name, name);
  for (const name of ["digest", "statement"]) asString(document[name], name);
  const number = (name: string): number => asNumber(document[name], name);
  const whole = (name: string): number => wholeNumber(document, name, name);
  const optionally = <Value>(name: string, read: (value: Json | undefined, where: string) => Value): Value | null =>
    has(document, name) ? read(document[name], name) : null;
  const broken = asList(document["broken_by"], "broken_by").map((edit) => asObject(edit, "broken_by"));
  const brokenBy = broken.map(breakingEdit);
  const evidence = EditsEvidence.read(document["evidence"], number("diameter"), {
    size: whole("size"),
    singles: whole("singles"),
    seed: optionally("draws", readSeed),
  });
  return {
    document,
    evidence,
    tolerance: number("tolerance"),
    alpha: number("alpha"),
    confidence: number("confidence"),
    claims: {
      share: number("share"),
      kept: whole("kept"),
      unchanged: whole("unchanged"),
      broken: whole("broken"),
      brokenBy,
      w1Bound: numberOrNull(document["w1_bound"], "w1_bound"),
      radius: wholeOrNull(document, "radius", "radius"),
      curve: rows(document["curve"], "curve"),
    },
    texts: words(broken, "text", () => true),
    outputs: words(broken, "output", (edit) => edit["distance"] !== null),
    editSet: optionally("edit_set", readEditSet),
    provenance: readSectionsOfRuns(document),
    id: optionally("id", asString),
    requestedAt: optionally("requested_at", asString),
    scoreClaims: has(document, "claims") ? claimList(document["claims"]).map((c, k) => scoreClaim(c, k, evidence)) : [],
    keep: optionally("keep", asNumber),
  };
}

function breakingEdit(fields: JsonObject): BreakingEdit {
  requireFields(fields, "broken_by", ["index", "distance"], ["text", "output"]);
  return {
    index: wholeNumber(fields, "index", "broken_by.index"),
    distance: numberOrNull(fields["distance"], "broken_by.distance"),
  };
}

/** Returns the words of each edit under this name. Throws Invalid where not all edits that can have words do, or none. */
function words(broken: JsonObject[], name: string, canHave: (edit: JsonObject) => boolean): (string | null)[] {
  const found = broken.map((edit) => (has(edit, name) ? asString(edit[name], `broken_by.${name}`) : null));
  const given = found.filter((text) => text !== null).length;
  const complete = found.every((text, k) => (text !== null) === canHave(broken[k] as JsonObject));
  if (given > 0 && !complete) throw new Invalid(`broken_by states the ${name} of all edits that have one, or of none`);
  return found;
}

function scoreClaim(fields: JsonObject, place: number, evidence: EditsEvidence): EditsScoreClaim {
  const where = `claims.${place}`;
  const asked = readAsked(fields, STATED_OF_SCORES, where);
  const series = readSeries(fields["evidence"], asked.width, 1 + evidence.runs, `${where}.evidence`);
  evidence.requireOneForAText(series.values.slice(1));
  return {
    asked,
    series,
    statedFailed: wholeNumber(fields, "failed", `${where}.failed`),
    share: asNumber(fields["share"], `${where}.share`),
    kept: wholeNumber(fields, "kept", `${where}.kept`),
    brokenBy: wholeOrNull(fields, "broken_by", `${where}.broken_by`),
    radius: wholeOrNull(fields, "radius", `${where}.radius`),
    bound: numberOrNull(fields["bound"], `${where}.bound`),
    curve: rows(fields["curve"], `${where}.curve`),
  };
}
