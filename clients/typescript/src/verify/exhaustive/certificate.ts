/** A certificate from all token sequences that an attack can reach, as its document states it (exhaustive/v1). */

import {
  asList,
  asNumber,
  asObject,
  asString,
  has,
  numberOrNull,
  requireFields,
  wholeNumber,
  type Json,
  type JsonObject,
} from "../json/data.js";
import { readAsked, type AskedClaim } from "../scores/asked.js";
import { readSectionsOfRuns, type Provenance } from "../sections.js";
import { readSeed, type SeedOfDraws } from "../seed.js";
import { claimList, points, readAsksShift, readWording, type Point } from "../spread/certificate.js";
import { Invalid } from "../verdict.js";
import { ExhaustiveEvidence, readSeries, type Series } from "./evidence.js";

export interface SnapThreat {
  readonly attackOn: string;
  /** The digest of the rows in the order and precision they are snapped to. */
  readonly table: string;
  readonly tokens: number;
  readonly squaredError: number;
  readonly heldFixed: readonly string[];
}
/** The first run that breaks a claim. distance: null where the run failed. */
export interface BreakingRun {
  readonly index: number;
  readonly cost: number;
  readonly distance: number | null;
}
/** radius: infinite where nothing ends the claim. */
export interface Keeps {
  readonly share: number;
  readonly radius: number;
}
export interface ExhaustiveClaims {
  readonly radius: number;
  readonly w1Bound: number;
  readonly curve: readonly Point[];
  readonly keeps: readonly Keeps[];
  readonly brokenBy: BreakingRun | null;
}
export interface ExactClaim {
  readonly asked: AskedClaim;
  readonly series: Series;
  readonly statedFailed: number;
  readonly radius: number;
  readonly bound: number;
  readonly curve: readonly Point[];
  readonly brokenBy: number | null;
}
export interface ExhaustiveCertificate {
  readonly document: JsonObject;
  readonly evidence: ExhaustiveEvidence;
  readonly tolerance: number;
  readonly epsilon: number | null;
  readonly claims: ExhaustiveClaims;
  /** The text and the output of the run that breaks the claim; no number rests on them. */
  readonly text: string | null;
  readonly output: string | null;
  readonly threat: SnapThreat | null;
  readonly provenance: Provenance;
  readonly id: string | null;
  readonly requestedAt: string | null;
  readonly scoreClaims: readonly ExactClaim[];
  readonly wording: string | null;
  readonly asksShift: boolean;
  readonly keep: number | null;
  readonly randomness: SeedOfDraws | null;
}

const REQUIRED = [
  ...["statement", "radius", "w1_bound", "curve", "keeps", "broken_by"],
  ...["schema", "method", "tolerance", "epsilon", "confidence", "alpha"],
  ...["diameter", "runs", "failed", "next_cost", "evidence", "digest"],
];
const OPTIONAL = [
  ...["id", "requested_at", "threat", "claims", "wording", "asks_shift", "keep", "randomness"],
  ...["request", "model", "metric", "output"],
];
const STATED_OF_SCORES = ["radius", "bound", "curve", "broken_by", "failed", "evidence"];

/** Reads a certificate as stated, without judging it. Throws Invalid naming the field that does not fit. */
export function readExhaustive(document: JsonObject): ExhaustiveCertificate {
  requireFields(document, "a certificate", REQUIRED, OPTIONAL);
  for (const name of ["runs", "failed", "confidence", "alpha"]) asNumber(document[name], name);
  for (const name of ["digest", "statement"]) asString(document[name], name);
  const optionally = <Value>(name: string, read: (value: Json | undefined, where: string) => Value): Value | null =>
    has(document, name) ? read(document[name], name) : null;
  const broken = document["broken_by"] === null ? null : asObject(document["broken_by"], "broken_by");
  const word = (name: string): string | null =>
    broken !== null && has(broken, name) ? asString(broken[name], `broken_by.${name}`) : null;
  const evidence = ExhaustiveEvidence.read(
    document["evidence"],
    asNumber(document["diameter"], "diameter"),
    numberOrNull(document["next_cost"], "next_cost"),
  );
  return {
    document,
    evidence,
    tolerance: asNumber(document["tolerance"], "tolerance"),
    epsilon: numberOrNull(document["epsilon"], "epsilon"),
    claims: {
      radius: infinite(document["radius"], "radius"),
      w1Bound: asNumber(document["w1_bound"], "w1_bound"),
      curve: points(document["curve"], "curve"),
      keeps: asList(document["keeps"], "keeps").map(keeps),
      brokenBy: broken === null ? null : breakingRun(broken),
    },
    text: word("text"),
    output: word("output"),
    threat: optionally("threat", snapThreat),
    provenance: readSectionsOfRuns(document),
    id: optionally("id", asString),
    requestedAt: optionally("requested_at", asString),
    scoreClaims: has(document, "claims") ? claimList(document["claims"]).map((c, k) => exactClaim(c, k, evidence)) : [],
    wording: readWording(document),
    asksShift: readAsksShift(document),
    keep: optionally("keep", asNumber),
    randomness: optionally("randomness", readSeed),
  };
}

function exactClaim(fields: JsonObject, place: number, evidence: ExhaustiveEvidence): ExactClaim {
  const where = `claims.${place}`;
  const asked = readAsked(fields, STATED_OF_SCORES, where);
  return {
    asked,
    series: readSeries(fields["evidence"], asked.width, evidence.runs, `${where}.evidence`),
    statedFailed: asNumber(fields["failed"], `${where}.failed`),
    radius: infinite(fields["radius"], `${where}.radius`),
    bound: asNumber(fields["bound"], `${where}.bound`),
    curve: points(fields["curve"], `${where}.curve`),
    brokenBy: fields["broken_by"] === null ? null : wholeNumber(fields, "broken_by", `${where}.broken_by`),
  };
}

function breakingRun(fields: JsonObject): BreakingRun {
  requireFields(fields, "broken_by", ["index", "cost", "distance"], ["text", "output"]);
  return {
    index: wholeNumber(fields, "index", "broken_by.index"),
    cost: asNumber(fields["cost"], "broken_by.cost"),
    distance: numberOrNull(fields["distance"], "broken_by.distance"),
  };
}

function keeps(value: Json): Keeps {
  const fields = asObject(value, "keeps");
  requireFields(fields, "keeps", ["share", "radius"]);
  return { share: asNumber(fields["share"], "keeps.share"), radius: infinite(fields["radius"], "keeps.radius") };
}

function snapThreat(value: Json | undefined): SnapThreat {
  const fields = asObject(value, "threat");
  requireFields(fields, "threat", ["attack_on", "norm", "table", "tokens", "squared_error", "held_fixed"]);
  if (fields["norm"] !== "l2") throw new Invalid("threat.norm must be l2");
  return {
    attackOn: asString(fields["attack_on"], "threat.attack_on"),
    table: asString(fields["table"], "threat.table"),
    tokens: wholeNumber(fields, "tokens", "threat.tokens"),
    squaredError: asNumber(fields["squared_error"], "threat.squared_error"),
    heldFixed: asList(fields["held_fixed"], "threat.held_fixed").map((held) => asString(held, "threat.held_fixed")),
  };
}

function infinite(value: Json | undefined, where: string): number {
  return value === null ? Infinity : asNumber(value, where);
}
