/** A certificate of units kept or left out, as its document states it (units/v1). */

import { LookPlan } from "../bounds/looks.js";
import {
  asList,
  asNumber,
  asString,
  has,
  isWhole,
  numberOrNull,
  requireFields,
  wholeNumber,
  wholeOrNull,
  type Json,
  type JsonObject,
} from "../json/data.js";
import { readAsked, type AskedClaim } from "../scores/asked.js";
import { readSectionsOfRuns, type Provenance } from "../sections.js";
import { readSeed, type SeedOfDraws } from "../seed.js";
import { claimList, readAsksShift } from "../spread/certificate.js";
import { Evidence } from "../spread/evidence.js";
import { Invalid } from "../verdict.js";
import { UnitChoice } from "./choice.js";
import { readUnitsThreat, type UnitsThreat } from "./threat.js";

/** A number of altered units, and what is stated for so many. */
export type Row = readonly [altered: number, value: number];

export interface UnitsClaims {
  readonly radius: number;
  readonly w1Bound: number;
  readonly curve: readonly Row[];
  /** share, keeps, majority and kept are null where distances may be other than 0 and D. */
  readonly share: number | null;
  readonly keeps: readonly Row[] | null;
  readonly majority: number | null;
  readonly kept: number | null;
}
export interface UnitScoreClaim {
  readonly asked: AskedClaim;
  readonly evidence: Evidence;
  readonly statedFailed: number;
  /** Null where the claim is not proven even of unaltered units. */
  readonly radius: number | null;
  readonly bound: number;
  readonly curve: readonly Row[];
}
export interface UnitsCertificate {
  readonly document: JsonObject;
  readonly evidence: Evidence;
  readonly choice: UnitChoice;
  /** Null where every subset was run. */
  readonly seed: SeedOfDraws | null;
  readonly alpha: number;
  readonly confidence: number;
  readonly tolerance: number | null;
  readonly keep: number | null;
  readonly altered: number | null;
  readonly twoValued: boolean;
  readonly claims: UnitsClaims;
  /** How many subsets were to be run and were not; 0 where runs were drawn. */
  readonly missing: number;
  readonly looks: LookPlan | null;
  readonly threat: UnitsThreat | null;
  readonly provenance: Provenance;
  readonly id: string | null;
  readonly requestedAt: string | null;
  readonly scoreClaims: readonly UnitScoreClaim[];
  readonly asksShift: boolean;
}

const REQUIRED = [
  ...["statement", "radius", "w1_bound", "share", "majority", "kept", "curve", "keeps"],
  ...["schema", "method", "tolerance", "keep", "altered", "confidence", "alpha"],
  ...["choice", "two_valued", "bound", "diameter", "runs", "failed", "missing", "evidence", "digest"],
];
const OPTIONAL = [
  ...["id", "requested_at", "looks", "draws", "threat", "claims", "asks_shift"],
  ...["request", "model", "metric", "output"],
];
const STATED_OF_SCORES = ["radius", "bound", "curve", "failed", "evidence"];

/** Reads a certificate as stated, without judging it. Throws Invalid naming the field that does not fit. */
export function readUnits(document: JsonObject): UnitsCertificate {
  requireFields(document, "a certificate", REQUIRED, OPTIONAL);
  for (const name of ["runs", "failed", "missing"]) wholeNumber(document, name, name);
  for (const name of ["digest", "statement"]) asString(document[name], name);
  if (typeof document["two_valued"] !== "boolean") throw new Invalid("two_valued must be true or false");
  const number = (name: string): number => asNumber(document[name], name);
  const optionally = <Value>(name: string, read: (value: Json | undefined, where: string) => Value): Value | null =>
    has(document, name) ? read(document[name], name) : null;
  const evidence = Evidence.read(document["evidence"], number("bound"), number("diameter"));
  const choice = UnitChoice.read(document["choice"]);
  const seed = optionally("draws", readSeed);
  return {
    document,
    evidence,
    choice,
    seed,
    alpha: number("alpha"),
    confidence: number("confidence"),
    tolerance: numberOrNull(document["tolerance"], "tolerance"),
    keep: numberOrNull(document["keep"], "keep"),
    altered: wholeOrNull(document, "altered", "altered"),
    twoValued: document["two_valued"],
    claims: {
      radius: wholeNumber(document, "radius", "radius"),
      w1Bound: number("w1_bound"),
      curve: rows(document["curve"], "curve"),
      share: numberOrNull(document["share"], "share"),
      keeps: document["keeps"] === null ? null : rows(document["keeps"], "keeps"),
      majority: wholeOrNull(document, "majority", "majority"),
      kept: wholeOrNull(document, "kept", "kept"),
    },
    missing: seed === null ? Number(choice.subsets ?? 0n) - evidence.samples : 0,
    looks: optionally("looks", LookPlan.read),
    threat: optionally("threat", readUnitsThreat),
    provenance: readSectionsOfRuns(document),
    id: optionally("id", asString),
    requestedAt: optionally("requested_at", asString),
    scoreClaims: has(document, "claims") ? claimList(document["claims"]).map(scoreClaim) : [],
    asksShift: readAsksShift(document),
  };
}

function scoreClaim(fields: JsonObject, place: number): UnitScoreClaim {
  const where = `claims.${place}`;
  const asked = readAsked(fields, STATED_OF_SCORES, where);
  return {
    asked,
    evidence: Evidence.read(fields["evidence"], asked.width, asked.width),
    statedFailed: wholeNumber(fields, "failed", `${where}.failed`),
    radius: wholeOrNull(fields, "radius", `${where}.radius`),
    bound: asNumber(fields["bound"], `${where}.bound`),
    curve: rows(fields["curve"], `${where}.curve`),
  };
}

/** Returns pairs of a whole number and a number. Throws Invalid. */
export function rows(value: Json | undefined, where: string): Row[] {
  return asList(value, where).map((row) => {
    const pair = asList(row, where);
    if (pair.length !== 2 || !isWhole(pair, 0)) {
      throw new Invalid(`${where} must be a list of pairs of a whole number and a number`);
    }
    return [pair[0] as number, asNumber(pair[1], where)];
  });
}

/** Returns what is stated for so many altered units, undefined where nothing is. */
export function valueAt(of: readonly Row[], altered: number): number | undefined {
  return of.find(([m]) => m === altered)?.[1];
}
