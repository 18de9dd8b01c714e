/** Checks a stranger's certificate of units: derives every claim from its runs again, and compares. */

import { requireAlpha } from "../bounds/band.js";
import { contentDigest } from "../json/canonical.js";
import type { JsonObject } from "../json/data.js";
import type { LongTexts } from "../meaning/quoting.js";
import { MACHINE, complement, oneUnitApart } from "../numbers/decimal.js";
import { requireTolerance, same, verdictOfRuns } from "../ofRuns.js";
import { requireAsked } from "../scores/asked.js";
import { claimShare } from "../spread/claims.js";
import { isSoundBound, isSoundScoreBound } from "../spread/recomputed.js";
import { digestCheck } from "../spread/verify.js";
import { checked, Invalid, type Check, type Verification } from "../verdict.js";
import { readUnits, type Row, type UnitScoreClaim, type UnitsCertificate } from "./certificate.js";
import { MOST_ENUMERATED } from "./choice.js";
import { claimsOf, derivedRows, UnitBounds } from "./claims.js";
import { judged, unknownMeaning } from "./judgement.js";
import { derivedScoreRows, readFromRows, UnitScoreBounds, WorstRuns } from "./scoreClaims.js";
import { statement } from "./statement.js";

export async function verifyUnits(document: JsonObject, long: LongTexts): Promise<Verification> {
  const stated = readUnits(document);
  const { evidence } = stated;
  const words = statement(stated, long);
  const checks: Check[] = [
    digestCheck("digest", document["digest"], await contentDigest(document)),
    digestCheck("evidence", evidence.statedDigest, await evidence.sha256()),
    ...derivedAgain(stated),
    same("runs", document["runs"], evidence.samples),
    same("failed", document["failed"], evidence.failed),
    same("missing", document["missing"], stated.missing),
    same("confidence", stated.confidence, complement(stated.alpha)),
    ...(await Promise.all(stated.scoreClaims.map(statedTwice))).flat(),
    same("statement", document["statement"], words),
    ...judged(stated),
  ];
  return verdictOfRuns(checks, unknownMeaning(stated), stated.scoreClaims);
}

async function statedTwice(claim: UnitScoreClaim, place: number): Promise<Check[]> {
  return [
    same(`claims.${place}.failed`, claim.statedFailed, claim.evidence.failed),
    digestCheck(`claims.${place}.evidence`, claim.evidence.statedDigest, await claim.evidence.sha256()),
  ];
}

/** Returns a check for every claim; what is read from rows is read from the stated ones, once these are sound. */
function derivedAgain(stated: UnitsCertificate): Check[] {
  const { claims, altered, asksShift, looks, evidence } = stated;
  let alpha: number | null = null;
  const inputs = checked("inputs", "alpha, choice, claim and distances are in range", () => {
    alpha = alphaOfSoundInputs(stated);
  });
  if (!inputs.passed) return [inputs];
  const bounds = new UnitBounds(evidence, stated.choice, alpha, stated.twoValued);
  const derived = derivedRows(bounds, stated);
  const isSoundW1 = ([m, said]: Row, printed: number): boolean => isSoundBound(said, printed, bounds.exactW1(m));
  const isSoundShare = ([m, said]: Row, printed: number): boolean =>
    bounds.alpha !== null && oneUnitApart(said, printed) && 0 <= said && said <= bounds.exactShare(m) * (1 + MACHINE);
  const rows = [
    rowsCheck("curve", claims.curve, derived.curve, isSoundW1),
    claims.keeps === null || derived.keeps === null
      ? same("keeps", claims.keeps, derived.keeps)
      : rowsCheck("keeps", claims.keeps, derived.keeps, isSoundShare),
  ];
  if (!rows.every((check) => check.passed)) return [inputs, ...rows];
  const read = claimsOf(claims, bounds.kept, stated);
  const proven = altered === null || !asksShift || read.radius >= altered;
  return [
    inputs,
    ...rows,
    ...(["radius", "w1Bound", "share", "majority", "kept"] as const).map((name) =>
      same(name, claims[name], read[name]),
    ),
    ...scoreChecks(stated, alpha),
    ...(looks === null ? [] : [same("looks", looks.taken, looks.lookAt(evidence.samples))]),
    { name: "altered", passed: proven, detail: proven ? "what was asked is proven" : `is proven for ${read.radius}` },
  ];
}

function scoreChecks(stated: UnitsCertificate, alpha: number | null): Check[] {
  const { scoreClaims, choice, altered } = stated;
  const worst = alpha === null ? new WorstRuns(scoreClaims, choice) : null;
  return scoreClaims.map((claim, place) =>
    scoreCheck(`claims.${place}`, claim, new UnitScoreBounds(claim, place, choice, worst, alpha ?? 0), altered),
  );
}

function scoreCheck(name: string, claim: UnitScoreClaim, bounds: UnitScoreBounds, altered: number | null): Check {
  const { asked, curve } = claim;
  const rows = rowsCheck(
    name,
    curve,
    derivedScoreRows(bounds),
    ([m, said], printed) => !bounds.isCounted && isSoundScoreBound(asked, said, printed, bounds.full(m)),
  );
  if (!rows.passed) return rows;
  const read = readFromRows(asked, curve, altered);
  const follows = same(name, [claim.radius, claim.bound], [read.radius, read.bound]);
  if (!follows.passed || altered === null || (read.radius !== null && read.radius >= altered)) return follows;
  return { name, passed: false, detail: `was asked for ${altered} altered units, and is proven to ${read.bound}` };
}

/** Refuses what nobody certifies, and returns what each claim may spend of alpha: null where all subsets were run. */
function alphaOfSoundInputs(stated: UnitsCertificate): number | null {
  const { evidence, scoreClaims, looks, seed, alpha } = stated;
  evidence.requireSound();
  requireSoundRequest(stated);
  if (looks !== null && looks.sizes.length === 1 && looks.sizes[0] === evidence.samples && looks.alphas[0] === alpha) {
    throw new Invalid("a single look that spends all of alpha is no plan; leave looks out");
  }
  requireAsked(
    scoreClaims.map((claim) => claim.asked),
    stated.asksShift,
    stated.keep,
  );
  for (const claim of scoreClaims) {
    claim.evidence.requireSound();
    if (claim.evidence.samples !== evidence.samples) throw new Invalid("a claim rests on another number of runs");
  }
  if (seed === null) {
    if (looks !== null) throw new Invalid("where every subset is run there are no looks; leave them out");
    return null;
  }
  looks?.requireWithin(alpha);
  return claimShare(looks === null ? alpha : looks.alphaAt(evidence.samples), scoreClaims.length);
}

function requireSoundRequest(stated: UnitsCertificate): void {
  const { evidence, choice, seed, tolerance, keep, alpha, altered, twoValued } = stated;
  if ((tolerance === null) === (keep === null)) throw new Invalid("exactly one of tolerance and keep is the claim");
  if (tolerance !== null) requireTolerance(tolerance, evidence.diameter);
  if (keep !== null && !(keep > 0 && keep < 1 && twoValued)) {
    throw new Invalid(`keep must lie in (0, 1), of answers, whose distances are two-valued, got ${keep}`);
  }
  if (twoValued) requireTwoValues(stated);
  const most = choice.units - (choice.size ?? 0);
  if (altered !== null && !(altered >= 1 && altered <= most)) throw new Invalid(`altered must lie in [1, ${most}]`);
  if (seed !== null) {
    requireAlpha(alpha);
    return;
  }
  if (alpha !== 0) throw new Invalid(`alpha must be 0 where every subset was run, got ${alpha}`);
  const { subsets } = choice;
  if (subsets === null || subsets > MOST_ENUMERATED || BigInt(evidence.samples) > subsets) {
    throw new Invalid(`without a seed the runs are all subsets, at most ${MOST_ENUMERATED} of them`);
  }
}

function requireTwoValues({ evidence }: UnitsCertificate): void {
  const { bound, diameter } = evidence;
  if (bound < diameter) throw new Invalid("two-valued distances are 0 or the diameter, and the bound is less");
  const stray = evidence.ordered(bound).find((distance) => distance !== 0 && distance < bound);
  if (stray !== undefined) throw new Invalid(`two-valued distances are 0 or ${bound}, got ${stray}`);
}

function rowsCheck(
  name: string,
  said: readonly Row[],
  follows: readonly Row[],
  isSound: (row: Row, printed: number) => boolean,
): Check {
  if (said.length !== follows.length || said.some(([m], k) => m !== follows[k]?.[0])) {
    return { name, passed: false, detail: `must have a row for each of 0 … ${follows.length - 1} altered units` };
  }
  for (const [k, row] of said.entries()) {
    const printed = follows[k]?.[1] as number;
    if (row[1] !== printed && !isSound(row, printed)) {
      return { name, passed: false, detail: `states ${row[1]} with ${row[0]} altered, the evidence gives ${printed}` };
    }
  }
  return { name, passed: true, detail: "follows from the evidence" };
}
