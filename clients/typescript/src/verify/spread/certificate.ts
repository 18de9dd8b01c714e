/** A certificate of noise as its document states it, of method spread/v1 or spread/v2. */

import { NO_SAMPLES } from "../bounds/band.js";
import { Lipschitz } from "../bounds/lipschitz.js";
import { LookPlan } from "../bounds/looks.js";
import { SPREAD_V1, SPREAD_V2, type Method } from "../bounds/shiftBounds.js";
import {
  asList,
  asNumber,
  asObject,
  asString,
  has,
  isObject,
  requireFields,
  type Json,
  type JsonObject,
} from "../json/data.js";
import { readMechanism, type Mechanism } from "../mechanisms/mechanism.js";
import { readAsked, type AskedClaim } from "../scores/asked.js";
import { readProvenance, SECTIONS, type Provenance } from "../sections.js";
import { Invalid } from "../verdict.js";
import { Evidence } from "./evidence.js";
import { readSelection, type SigmaSelection } from "./selection.js";

export type Point = readonly [epsilon: number, value: number];
export interface Deviation {
  readonly epsilon: number;
  readonly gamma: number;
  readonly toCentre: number;
  readonly toOutput: number | null;
}
export interface KeptShare {
  readonly share: number;
  readonly radius: number;
}
/** A claim on a score as stated. */
export interface ScoreClaim {
  readonly asked: AskedClaim;
  readonly evidence: Evidence;
  readonly radius: number | null;
  readonly bound: number;
  readonly curve: readonly Point[];
  readonly statedFailed: number;
}
export interface Claims {
  readonly radius: number;
  readonly w1Bound: number;
  readonly curve: readonly Point[];
  readonly deviation: readonly Deviation[];
  readonly stays: readonly Point[] | null;
  readonly keeps: readonly KeptShare[] | null;
}
export interface Certificate {
  readonly document: JsonObject;
  readonly method: Method;
  readonly evidence: Evidence;
  readonly mechanism: Mechanism;
  readonly alpha: number;
  readonly confidence: number;
  readonly tolerance: number;
  readonly epsilon: number | null;
  readonly claims: Claims;
  readonly band: string;
  readonly provenance: Provenance;
  readonly id: string | null;
  readonly requestedAt: string | null;
  readonly looks: LookPlan | null;
  readonly selection: SigmaSelection | null;
  readonly lipschitz: Lipschitz | null;
  readonly roundingSlack: number;
  readonly keep: number | null;
  readonly scoreClaims: readonly ScoreClaim[];
  readonly wording: string | null;
  readonly asksShift: boolean;
}

const REQUIRED = [
  ...["schema", "digest", "radius", "w1_bound", "curve", "deviation", "stays", "statement"],
  ...["tolerance", "epsilon", "confidence", "alpha", "alpha_split", "method", "band"],
  ...["mechanism", "bound", "diameter", "samples", "failed", "evidence"],
];
const LATER = ["keep", "keeps", "wording", "claims", "asks_shift"];
const OPTIONAL = ["id", "requested_at", "looks", "sigma_selection", "lipschitz", ...SECTIONS];
const SECTION_FIELDS_SINCE_V2: Readonly<Record<string, readonly string[]>> = {
  request: ["template"],
  sampling: ["precision", "batch_size", "batch_sensitivity", "snap"],
  sigma_selection: ["rounding_slack"],
};
const STATED_OF_SCORES = ["radius", "bound", "curve", "failed", "evidence"];

/** Reads a certificate as stated, without judging it. Throws Invalid naming the field that does not fit. */
export function readCertificate(document: JsonObject, method: Method): Certificate {
  const first = method === SPREAD_V1;
  if (first) requireFirstVersion(document);
  requireFields(
    document,
    "a certificate",
    first ? REQUIRED : [...REQUIRED, "rounding_slack"],
    first ? OPTIONAL : [...OPTIONAL, ...LATER],
  );
  const number = (name: string): number => asNumber(document[name], name);
  const optionally = <Value>(name: string, read: (value: Json | undefined, where: string) => Value): Value | null =>
    has(document, name) ? read(document[name], name) : null;
  const band = asString(document["band"], "band");
  for (const name of ["samples", "failed"]) number(name);
  for (const name of ["digest", "statement"]) asString(document[name], name);
  for (const share of Object.values(asObject(document["alpha_split"], "alpha_split"))) asNumber(share, "alpha_split");
  return {
    document,
    method,
    evidence: Evidence.read(document["evidence"], number("bound"), number("diameter"), band === NO_SAMPLES),
    mechanism: readMechanism(asObject(document["mechanism"], "mechanism")),
    alpha: number("alpha"),
    confidence: number("confidence"),
    tolerance: number("tolerance"),
    epsilon: document["epsilon"] === null ? null : number("epsilon"),
    claims: {
      radius: number("radius"),
      w1Bound: number("w1_bound"),
      curve: points(document["curve"], "curve"),
      deviation: asList(document["deviation"], "deviation").map(deviation),
      stays: document["stays"] === null ? null : points(document["stays"], "stays"),
      keeps: optionally("keeps", keeps),
    },
    band,
    provenance: readProvenance(document),
    id: optionally("id", asString),
    requestedAt: optionally("requested_at", asString),
    looks: optionally("looks", LookPlan.read),
    selection: optionally("sigma_selection", readSelection),
    lipschitz: optionally("lipschitz", Lipschitz.read),
    roundingSlack: first ? 0 : number("rounding_slack"),
    keep: optionally("keep", asNumber),
    scoreClaims: optionally("claims", scoreClaims) ?? [],
    wording: readWording(document),
    asksShift: readAsksShift(document),
  };
}

/** Returns the method of this schema and name, null where there is none. */
export function methodOf(schema: Json | undefined, name: Json | undefined): Method | null {
  return [SPREAD_V1, SPREAD_V2].find((method) => method.schema === schema && method.name === name) ?? null;
}

/** Returns the name of the statement's words, null in documents older than that name. */
export function readWording(document: JsonObject): string | null {
  if (!has(document, "wording")) return null;
  if (document["wording"] !== "plain/v1") throw new Invalid("wording must be plain/v1");
  return "plain/v1";
}

/** Returns whether the claim on the distribution is asked for at the asked epsilon too. */
export function readAsksShift(document: JsonObject): boolean {
  if (!has(document, "asks_shift")) return true;
  if (document["asks_shift"] !== false) throw new Invalid("asks_shift is false or left out");
  return false;
}

/** Returns pairs of numbers. Throws Invalid. */
export function points(value: Json | undefined, where: string): Point[] {
  return asList(value, where).map((point) => {
    const pair = asList(point, where);
    if (pair.length !== 2) throw new Invalid(`${where} must be a list of pairs of numbers`);
    return [asNumber(pair[0], where), asNumber(pair[1], where)];
  });
}

/** Returns a list of claims that is not empty. Throws Invalid. */
export function claimList(value: Json | undefined): JsonObject[] {
  const claims = asList(value, "claims");
  if (claims.length === 0) throw new Invalid("claims must hold one claim at least; leave it out where there is none");
  return claims.map((claim, place) => asObject(claim, `claims.${place}`));
}

function requireFirstVersion(document: JsonObject): void {
  for (const [section, fields] of Object.entries(SECTION_FIELDS_SINCE_V2)) {
    const inside = has(document, section) ? document[section] : undefined;
    if (isObject(inside) && fields.some((name) => has(inside, name))) {
      throw new Invalid(`${section} states a field that certificate/v1 does not know`);
    }
  }
}

function deviation(value: Json): Deviation {
  const fields = asObject(value, "deviation");
  requireFields(fields, "deviation", ["epsilon", "gamma", "to_centre", "to_output"]);
  return {
    epsilon: asNumber(fields["epsilon"], "deviation.epsilon"),
    gamma: asNumber(fields["gamma"], "deviation.gamma"),
    toCentre: asNumber(fields["to_centre"], "deviation.to_centre"),
    toOutput: fields["to_output"] === null ? null : asNumber(fields["to_output"], "deviation.to_output"),
  };
}

function keeps(value: Json | undefined): KeptShare[] {
  return asList(value, "keeps").map((entry) => {
    const fields = asObject(entry, "keeps");
    requireFields(fields, "keeps", ["share", "radius"]);
    return { share: asNumber(fields["share"], "keeps.share"), radius: asNumber(fields["radius"], "keeps.radius") };
  });
}

function scoreClaims(value: Json | undefined): ScoreClaim[] {
  return claimList(value).map((fields, place) => {
    const where = `claims.${place}`;
    const asked = readAsked(fields, STATED_OF_SCORES, where);
    return {
      asked,
      evidence: Evidence.read(fields["evidence"], asked.width, asked.width),
      radius: fields["radius"] === null ? null : asNumber(fields["radius"], `${where}.radius`),
      bound: asNumber(fields["bound"], `${where}.bound`),
      curve: points(fields["curve"], `${where}.curve`),
      statedFailed: asNumber(fields["failed"], `${where}.failed`),
    };
  });
}
