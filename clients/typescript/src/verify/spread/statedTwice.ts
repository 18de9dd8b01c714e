/** What a document of noise states twice must agree: counts, confidence, the split of alpha, the sentence itself. */

import { alphaSplit } from "../bounds/band.js";
import { SPREAD_V1 } from "../bounds/shiftBounds.js";
import { sameJson, type Json } from "../json/data.js";
import { isClose } from "../meaning/metrics.js";
import type { LongTexts } from "../meaning/quoting.js";
import { noiseNorm } from "../mechanisms/mechanism.js";
import { complement } from "../numbers/decimal.js";
import { checked, Invalid, type Check } from "../verdict.js";
import type { Certificate } from "./certificate.js";
import { claimShare } from "./claims.js";
import { compared } from "./recomputed.js";
import { remainingAlpha } from "./selection.js";
import { statement } from "./statement.js";

/** Returns a check for everything that follows from the rest of the document. */
export async function statedTwice(stated: Certificate, long: LongTexts): Promise<Check[]> {
  const { document, evidence, looks, selection, provenance } = stated;
  let split: Json;
  let taken: number | null;
  try {
    split = alphaSplitOf(stated);
    taken = looks === null ? null : looks.lookAt(evidence.samples);
  } catch (error) {
    if (error instanceof Invalid) return [{ name: "derived", passed: false, detail: error.message }];
    throw error;
  }
  const checks = [
    same("samples", document["samples"], evidence.samples),
    same("failed", document["failed"], evidence.failed),
    same("confidence", document["confidence"], complement(stated.alpha)),
    same("alpha_split", document["alpha_split"], split),
  ];
  if (looks !== null) checks.push(same("looks", looks.taken, taken));
  for (const [place, claim] of stated.scoreClaims.entries()) {
    const matches =
      claim.statedFailed === claim.evidence.failed && claim.evidence.statedDigest === (await claim.evidence.sha256());
    checks.push(check(`claims.${place}.evidence`, matches));
  }
  if (selection !== null) checks.push(selectionCheck(stated));
  const words = statement(stated, long);
  const says = document["statement"] === words;
  const detail = says ? "says what the numbers say" : `differs; the numbers say: ${words}`;
  checks.push({ name: "statement", passed: says, detail });
  const { shape } = stated.mechanism.noise;
  if (shape !== null) checks.push(await shape.check());
  if (provenance.threat !== null) {
    const { dimension, noiseNorm: said } = provenance.threat;
    checks.push(
      checked("noise_norm", "is the root mean square length of the noise", () => {
        const length = noiseNorm(stated.mechanism, Math.max(0, dimension));
        if (!(dimension >= 1 && isClose(said, length, 1e-6))) throw new Invalid(`is ${length}, not ${said}`);
      }),
    );
  }
  return checks;
}

/** Returns how the band of the distances spends its share, and the share of each claim on a score. */
function alphaSplitOf(stated: Certificate): Json {
  const { looks, selection, evidence, scoreClaims } = stated;
  const together = selection === null ? stated.alpha : remainingAlpha(stated.alpha, selection.alpha);
  const look = looks === null ? together : looks.alphaAt(evidence.samples);
  const share = claimShare(look, scoreClaims.length);
  const split = alphaSplit(stated.band, evidence.samples, share);
  return scoreClaims.length > 0 ? { ...split, each_claim: share } : split;
}

/** The cell itself was checked with the inputs. The radius bounds what is claimed, so more is no rounding. */
function selectionCheck({ selection, method }: Certificate): Check {
  if (selection === null) return check("sigma_selection", true);
  const tooMuch = method !== SPREAD_V1 && selection.statedRadius > selection.radius;
  if (selection.statedSigma !== selection.sigma || tooMuch) return check("sigma_selection", false);
  return compared("sigma_selection", [selection.statedRadius], [selection.radius]);
}

function same(name: string, said: Json | undefined, follows: Json): Check {
  return check(name, sameJson(said, follows));
}

function check(name: string, passed: boolean): Check {
  return { name, passed, detail: passed ? "agrees with the rest" : "does not agree with the rest" };
}
