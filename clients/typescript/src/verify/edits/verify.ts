/** Checks a stranger's certificate of edits: derives every claim from its runs again, and compares. */

import { requireAlpha } from "../bounds/band.js";
import { contentDigest } from "../json/canonical.js";
import type { JsonObject } from "../json/data.js";
import type { LongTexts } from "../meaning/quoting.js";
import { complement, MACHINE, oneUnitApart } from "../numbers/decimal.js";
import { requireKeptWhole, requireTolerance, same, seriesChecks, verdictOfRuns } from "../ofRuns.js";
import { requireAsked } from "../scores/asked.js";
import { claimShare } from "../spread/claims.js";
import { digestCheck } from "../spread/verify.js";
import { checked, Invalid, type Check, type Verification } from "../verdict.js";
import { readEdits, type EditsCertificate } from "./certificate.js";
import { derivedClaims, derivedScore, leastShare } from "./claims.js";
import { judged, unknownMeaning } from "./judgement.js";
import { statement } from "./statement.js";

export async function verifyEdits(document: JsonObject, long: LongTexts): Promise<Verification> {
  const stated = readEdits(document);
  const { evidence } = stated;
  const words = statement(stated, long);
  const checks: Check[] = [
    digestCheck("digest", document["digest"], await contentDigest(document)),
    digestCheck("evidence", evidence.statedDigest, await evidence.sha256()),
    ...derivedAgain(stated),
    same("runs", document["runs"], evidence.runs),
    same("failed", document["failed"], evidence.failed),
    same("confidence", stated.confidence, complement(stated.alpha)),
    ...(await Promise.all(stated.scoreClaims.map((claim, place) => seriesChecks(`claims.${place}`, claim)))).flat(),
    same("statement", document["statement"], words),
    ...judged(stated),
  ];
  return verdictOfRuns(checks, unknownMeaning(stated), stated.scoreClaims);
}

/** Returns a check for every claim. All but a sampled share are comparisons, counts and decimal rounding. */
function derivedAgain(stated: EditsCertificate): Check[] {
  const { evidence, claims, scoreClaims, tolerance } = stated;
  let alpha = 0;
  const inputs = checked("inputs", "alpha, tolerance and distances are in range", () => {
    alpha = alphaOfSoundInputs(stated);
  });
  if (!inputs.passed) return [inputs];
  const derived = derivedClaims(evidence, tolerance, alpha);
  const shareCheck = (name: string, said: number, follows: { share: number; kept: number }): Check =>
    isSoundShare(stated, alpha, said, follows)
      ? { name, passed: true, detail: "follows from the evidence" }
      : same(name, said, follows.share);
  const names = ["kept", "unchanged", "broken", "brokenBy", "w1Bound", "radius", "curve"] as const;
  const ofScores = ["kept", "brokenBy", "radius", "bound", "curve"] as const;
  return [
    inputs,
    shareCheck("share", claims.share, derived),
    ...names.map((name) => same(name, claims[name], derived[name])),
    ...scoreClaims.flatMap((claim, place) => {
      const proven = derivedScore(claim, evidence, alpha);
      return [
        shareCheck(`claims.${place}.share`, claim.share, proven),
        ...ofScores.map((name) => same(`claims.${place}.${name}`, claim[name], proven[name])),
      ];
    }),
  ];
}

/** Returns whether a share of a sampled set is one unit beside the printed one, and not above the unrounded bound. */
function isSoundShare(
  { evidence }: EditsCertificate,
  alpha: number,
  said: number,
  { share, kept }: { share: number; kept: number },
): boolean {
  if (evidence.of.seed === null || !oneUnitApart(said, share)) return false;
  return 0 <= said && said <= leastShare(evidence.runs - kept, evidence.runs, alpha) * (1 + MACHINE);
}

/** Refuses what nobody certifies, and returns what each claim may spend of alpha: 0 where every text was run. */
function alphaOfSoundInputs({ evidence, tolerance, alpha, keep, scoreClaims }: EditsCertificate): number {
  requireTolerance(tolerance, evidence.diameter);
  const sampled = evidence.of.seed !== null;
  if (sampled) requireAlpha(alpha);
  else if (alpha !== 0) throw new Invalid(`alpha must be 0 where every text was run, got ${alpha}`);
  requireKeptWhole(keep, evidence.distances, evidence.diameter);
  requireAsked(
    scoreClaims.map((claim) => claim.asked),
    true,
    keep,
  );
  return sampled ? claimShare(alpha, scoreClaims.length) : alpha;
}
