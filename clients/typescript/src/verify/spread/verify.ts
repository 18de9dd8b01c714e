/** Checks a stranger's certificate of noise: recomputes what it states, and compares its words with their definitions. */

import { SPREAD_V1, type Method } from "../bounds/shiftBounds.js";
import { contentDigest } from "../json/canonical.js";
import type { JsonObject } from "../json/data.js";
import type { LongTexts } from "../meaning/quoting.js";
import { isKnownScore } from "../scores/words.js";
import { verdictOf, type Check, type Verification } from "../verdict.js";
import { readCertificate } from "./certificate.js";
import { judged, unknownMeaning } from "./judgement.js";
import { recomputed } from "./recomputed.js";
import { statedTwice } from "./statedTwice.js";

export async function verifySpread(document: JsonObject, method: Method, long: LongTexts): Promise<Verification> {
  const stated = readCertificate(document, method);
  const checks: Check[] = [
    digestCheck("digest", document["digest"], await contentDigest(document)),
    digestCheck("evidence", stated.evidence.statedDigest, await stated.evidence.sha256()),
    ...recomputed(stated),
    ...(await statedTwice(stated, long)),
    ...judged(stated),
  ];
  const known =
    method !== SPREAD_V1 &&
    unknownMeaning(stated.provenance) === null &&
    stated.scoreClaims.every((claim) => isKnownScore(claim.asked.score));
  const unchecked = [
    "measurement",
    ...(known ? [] : ["meaning"]),
    ...(stated.mechanism.classes === null ? [] : ["partition"]),
    ...(stated.lipschitz === null ? [] : ["lipschitz"]),
  ];
  return verdictOf(checks, known ? "checked" : "not checked", unchecked);
}

/** Returns the check that a digest is that of the content. */
export function digestCheck(name: string, said: unknown, computed: string): Check {
  const passed = said === computed;
  return { name, passed, detail: passed ? "matches the content" : `the content has ${computed}` };
}
