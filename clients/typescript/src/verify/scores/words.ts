/** Claims on scores in words: our own for scores that are known here, quotation marks for what others brought. */

import { dumped } from "../json/canonical.js";
import { field, isFloat, type Json, type JsonObject } from "../json/data.js";
import { sameNames } from "../meaning/metrics.js";
import { quoted, type LongTexts } from "../meaning/quoting.js";
import { repr } from "../numbers/decimal.js";
import { PLUGIN_V1, type AskedClaim, type ScoreIdentity } from "./asked.js";

const SHA256 = /^sha256:[0-9a-f]{64}$/;
const SHOWN_OF_DIGEST = "sha256:".length + 12;

/** Returns the sentence on a claim under noise. radius: null where not even the noise alone lets it be proven. */
export function sentenceUnderNoise(
  claim: {
    readonly asked: AskedClaim;
    readonly radius: number | null;
    readonly bound: number;
    readonly failed: number;
  },
  epsilon: number | null,
  long: LongTexts,
): string {
  const bounded = boundInWords(claim.asked, claim.bound, long);
  if (claim.radius === null && epsilon === null) {
    const asked = claimInWords(claim.asked, long);
    return `Not proven, even without an attack, is that ${asked}; without an attack, ${bounded}.${failures(claim.failed)}`;
  }
  const at = epsilon ?? (claim.radius as number);
  return `Under any attack of norm at most ${repr(at)}, ${bounded}.${failures(claim.failed)}`;
}

/** Returns the sentence on a claim without noise. */
export function sentenceWithoutNoise(
  claim: { readonly asked: AskedClaim; readonly radius: number; readonly bound: number; readonly failed: number },
  epsilon: number | null,
  long: LongTexts,
): string {
  if (epsilon === null && claim.radius === 0) {
    return `Not so, even without an attack, is that ${claimInWords(claim.asked, long)}.${failures(claim.failed)}`;
  }
  const below = claim.radius === Infinity ? "whatever" : `strictly less than ${repr(claim.radius)}`;
  const norm = epsilon === null ? below : `at most ${repr(epsilon)}`;
  return `Under any attack of l2 norm ${norm}, ${boundInWords(claim.asked, claim.bound, long)}.${failures(claim.failed)}`;
}

/** Returns the RE2 pattern of score `pattern` as it is known here, null for every other score. */
export function patternSought(score: ScoreIdentity): string | null {
  return score.name === "pattern" && isKnownScore(score) ? String(score.options["pattern"]) : null;
}

/** Returns whether the name, the range and the options of a score are those of one that is known here. */
export function isKnownScore(score: ScoreIdentity): boolean {
  return described(score, null) !== null;
}

/** Returns the sentence on runs without a score, after a space; nothing where there are none. */
export function unscoredRuns(failed: number): string {
  if (failed === 1) return " One of its runs has no score and counts as the worst.";
  return failed ? ` ${failed} of its runs have no score and count as the worst.` : "";
}

function failures(failed: number): string {
  return failed ? ` ${failed} of its samples have no score and count as the worst.` : "";
}

/** Returns the claim with the number that is proven, without the norm or the number of an attack. */
export function boundInWords(claim: AskedClaim, bound: number, long: LongTexts): string {
  return `${ofWhat(claim, long)} is ${claim.isUpper ? "at most" : "at least"} ${repr(bound)}`;
}

/** Returns what is asked of a score, without the norm or the number of an attack. */
export function claimInWords(claim: AskedClaim, long: LongTexts): string {
  return boundInWords(claim, claim.limit, long);
}

function ofWhat(claim: AskedClaim, long: LongTexts): string {
  const score = described(claim.score, long) ?? `what this document calls score ${asCalled(claim.score, long)}`;
  if (claim.ofMean) return `the mean of ${score}`;
  if (claim.quantile !== null) {
    return `the share of outputs with ${score} ${claim.atLeast === null ? "above" : "below"} ${repr(claim.asked)}`;
  }
  return `the share of outputs with ${score} above ${repr(claim.above ?? claim.score.least)}`;
}

/** Returns the name, options and digest of a score that has no definition here. */
function asCalled(score: ScoreIdentity, long: LongTexts): string {
  const name = quoted(score.name, long);
  if (score.wording !== PLUGIN_V1) return score.digest === null ? name : `${name} of ${quoted(score.digest, long)}`;
  const options = optionsAsJson(score);
  const code =
    score.digest === null
      ? null
      : SHA256.test(score.digest)
        ? `${score.digest.slice(0, SHOWN_OF_DIGEST)}…`
        : quoted(score.digest, long);
  const known = [
    ...(options === null ? [] : [`options ${quoted(options, long)}`]),
    ...(code === null ? [] : [`code ${code}`]),
  ];
  return known.length > 0 ? `${name} with ${known.join(" and ")}` : name;
}

/** Returns the options of a plug-in's score as JSON, null where it has none. */
function optionsAsJson({ options }: ScoreIdentity): string | null {
  const names = Object.keys(options);
  if (names.length === 1 && names[0] === "distribution") return null;
  const isOurs = names.every((name) => name === "distribution" || name === "options");
  return isOurs && names.length > 0 ? dumpedMember(options, "options") : dumped(options);
}

function dumpedMember(parent: JsonObject, name: string): string {
  return dumped(field(parent, name) as Json, parent, name);
}

/** Returns the score in our words, null where it has no definition here. long: null where only that is asked. */
function described(score: ScoreIdentity, long: LongTexts | null): string | null {
  const { name, options, least, most, twoValued } = score;
  const of = (option: string): string => (long === null ? "" : quoted(String(options[option]), long));
  const two = least === 0 && most === 1 && twoValued;
  const similar = least === -1 && most === 1 && !twoValued;
  if (score.digest !== null) return null;
  if (name === "pattern" && two && texts(options, "pattern")) {
    return `the score 1 where the RE2 pattern ${of("pattern")} is found, else 0,`;
  }
  if (name === "json_schema" && two && sameNames(options, ["must_meet"])) {
    const schema = long === null ? "" : quoted(dumpedMember(options, "must_meet"), long);
    return `the score 1 for JSON that meets the schema ${schema}, else 0,`;
  }
  if (name === "verdict" && two && texts(options, "verdict")) {
    return `the score 1 where the model's picture classifier says ${of("verdict")}, else 0,`;
  }
  if (name === "length" && sameNames(options, ["unit", "cap"])) {
    const { unit, cap } = options;
    const counted = (unit === "characters" || unit === "words") && least === 0 && most === cap && !twoValued;
    if (!counted || typeof cap !== "number") return null;
    return `the length in ${unit}, counted up to ${isFloat(options, "cap") ? repr(cap) : cap},`;
  }
  if (name === "profanity" && least === 0 && most === 1 && !twoValued && texts(options, "model")) {
    return `the probability, by classifier ${of("model")}, that the text is profane,`;
  }
  if (name === "clip_similarity" && similar && texts(options, "prompt", "encoder")) {
    return `the cosine similarity by CLIP model ${of("encoder")} of the picture to the prompt of digest ${of("prompt")}`;
  }
  if (name === "similarity" && similar && texts(options, "reference", "encoder")) {
    return `the cosine similarity by sentence encoder ${of("encoder")} to the text of digest ${of("reference")}`;
  }
  return null;
}

function texts(options: JsonObject, ...names: string[]): boolean {
  return sameNames(options, names) && Object.values(options).every((value) => typeof value === "string");
}
