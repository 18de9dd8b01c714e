/** Checks a stranger's exhaustive certificate: derives every claim from its runs again, and compares exactly. */

import { contentDigest } from "../json/canonical.js";
import type { JsonObject } from "../json/data.js";
import type { LongTexts } from "../meaning/quoting.js";
import { requireKeptWhole, requireTolerance, same, seriesChecks, verdictOfRuns } from "../ofRuns.js";
import { requireAsked } from "../scores/asked.js";
import { digestCheck } from "../spread/verify.js";
import { checked, Invalid, type Check, type Verification } from "../verdict.js";
import { readExhaustive, type ExactClaim, type ExhaustiveCertificate } from "./certificate.js";
import { derivedClaims, derivedExact } from "./claims.js";
import { judged, unknownMeaning } from "./judgement.js";
import { statement } from "./statement.js";

export async function verifyExhaustive(document: JsonObject, long: LongTexts): Promise<Verification> {
  const stated = readExhaustive(document);
  const words = statement(stated, long);
  const checks: Check[] = [
    digestCheck("digest", document["digest"], await contentDigest(document)),
    digestCheck("evidence", stated.evidence.statedDigest, await stated.evidence.sha256()),
    ...(await derivedAgain(stated)),
    same("runs", document["runs"], stated.evidence.runs),
    same("failed", document["failed"], stated.evidence.failed),
    same("alpha", document["alpha"], 0),
    same("confidence", document["confidence"], 1),
    same("statement", document["statement"], words),
    ...judged(stated),
  ];
  return verdictOfRuns(checks, unknownMeaning(stated), stated.scoreClaims);
}

/** Returns a check for every claim. Comparisons and decimal rounding are exact, so the numbers must be equal. */
async function derivedAgain(stated: ExhaustiveCertificate): Promise<Check[]> {
  const { evidence, tolerance, epsilon, claims } = stated;
  const inputs = checked("inputs", "tolerance, epsilon, costs and distances are in range and in order", () =>
    requireSoundRequest(stated),
  );
  if (!inputs.passed) return [inputs];
  const derived = derivedClaims(evidence, tolerance, epsilon);
  const reached = epsilon === null || !stated.asksShift || derived.w1Bound <= tolerance;
  return [
    inputs,
    same("radius", claims.radius, derived.radius),
    same("w1_bound", claims.w1Bound, derived.w1Bound),
    same("curve", claims.curve, derived.curve),
    same("keeps", claims.keeps, derived.keeps),
    same("broken_by", claims.brokenBy, derived.brokenBy),
    ...(
      await Promise.all(stated.scoreClaims.map((claim, place) => scoreChecks(`claims.${place}`, claim, stated)))
    ).flat(),
    {
      name: "epsilon",
      passed: reached,
      detail: reached ? "what was asked is proven" : "the bound is above the tolerance",
    },
  ];
}

async function scoreChecks(name: string, claim: ExactClaim, stated: ExhaustiveCertificate): Promise<Check[]> {
  const derived = derivedExact(claim, stated.evidence, stated.epsilon);
  const holds = stated.epsilon === null || claim.asked.metBy(derived.bound);
  return [
    ...(["radius", "bound", "curve", "brokenBy"] as const).map((part) =>
      same(`${name}.${part}`, claim[part], derived[part]),
    ),
    ...(await seriesChecks(name, claim)),
    { name: `${name}.epsilon`, passed: holds, detail: `is proven to ${derived.bound}, asked ${claim.asked.limit}` },
  ];
}

function requireSoundRequest({
  evidence,
  tolerance,
  epsilon,
  keep,
  scoreClaims,
  asksShift,
}: ExhaustiveCertificate): void {
  requireTolerance(tolerance, evidence.diameter);
  if (epsilon !== null && !(epsilon > 0)) throw new Invalid("epsilon must be positive");
  requireAsked(
    scoreClaims.map((claim) => claim.asked),
    asksShift,
    keep,
  );
  requireKeptWhole(keep, evidence.distances, evidence.diameter);
}
