/** What follows from the runs: the largest distance in the set, or a share of it with a confidence. */

import { clopperPearsonUpper } from "../bounds/band.js";
import { RELATIVE_SLACK, roundDown, roundUp } from "../numbers/decimal.js";
import { shareOf } from "../numbers/fractions.js";
import type { Row } from "../units/certificate.js";
import type { EditsClaims, EditsScoreClaim } from "./certificate.js";
import type { EditsEvidence, SizeOfSet } from "./evidence.js";

/** How many edits that break the claim a certificate names; it counts all of them. */
const MOST_NAMED = 100;

/** Returns a lower bound on the share of texts that keep the claim, not yet printed. broken: of `draws` draws. */
export function leastShare(broken: number, draws: number, alpha: number): number {
  if (broken === draws) return 0;
  return (1 - clopperPearsonUpper(broken, draws, alpha)) * (1 - RELATIVE_SLACK);
}

/** Returns all that follows from the evidence. alpha: 0 where every text was run. */
export function derivedClaims(evidence: EditsEvidence, tolerance: number, alpha: number): EditsClaims {
  const { distances, diameter, indices, runs, of } = evidence;
  const bounds = distances.map((distance) => Math.min(distance, diameter));
  // A number rounded up to nine digits is above the tolerance exactly if it was above the tolerance rounded down.
  const within = roundDown(tolerance);
  const broken = new Map<number, number>();
  let kept = runs;
  for (const [run, bound] of bounds.entries()) {
    if (!(bound > within)) continue;
    kept -= 1;
    broken.set(indices[run] as number, distances[run] as number);
  }
  const named = [...broken].sort(([one], [other]) => one - other).slice(0, MOST_NAMED);
  const curve = of.seed === null ? largestOf(bounds, of, (bound) => Math.min(roundUp(bound), diameter)) : [];
  return {
    share: shareKept(evidence, kept, alpha),
    kept,
    unchanged: bounds.filter((bound) => bound === 0).length,
    broken: broken.size,
    brokenBy: named.map(([index, distance]) => ({ index, distance: distance === Infinity ? null : distance })),
    w1Bound: curve[curve.length - 1]?.[1] ?? null,
    radius: radiusOf(curve, of, (bound) => bound <= tolerance),
    curve,
  };
}

/** What the runs prove of a claim on a score. */
export type DerivedScore = Pick<EditsScoreClaim, "share" | "kept" | "brokenBy" | "radius" | "bound" | "curve">;

export function derivedScore({ asked, series }: EditsScoreClaim, evidence: EditsEvidence, alpha: number): DerivedScore {
  const { of, runs, indices } = evidence;
  const bad = series.values.map((value) => Math.min(value, asked.width));
  const broken = indices.filter((_, run) => !asked.metBy(asked.stated(bad[run + 1] as number)));
  const kept = runs - broken.length;
  // The prompt's own output comes first: whoever chooses may leave the prompt as it is.
  const [own, ...ofTexts] = bad;
  const curve = of.seed === null ? largestOf(ofTexts, of, (worst) => asked.stated(Math.max(worst, own as number))) : [];
  return {
    share: shareKept(evidence, kept, alpha),
    kept,
    brokenBy: broken.length > 0 ? broken.reduce((first, text) => Math.min(first, text)) : null,
    radius: radiusOf(curve, of, (bound) => asked.metBy(bound)),
    bound: curve[curve.length - 1]?.[1] ?? null,
    curve,
  };
}

/** Returns the share of texts that keep a claim, as it is printed: rounded down. kept: runs that do. */
function shareKept({ of, runs }: EditsEvidence, kept: number, alpha: number): number {
  return of.seed === null ? shareOf(kept, of.size) : roundDown(leastShare(runs - kept, runs, alpha));
}

/** Returns the largest number of the texts one edit away and, where there are others, of all, as it is printed. */
function largestOf(
  numbers: readonly number[],
  { singles, size }: SizeOfSet,
  printed: (largest: number) => number,
): Row[] {
  const ends = singles === size ? [singles] : [singles, size];
  return ends.map((end, k) => [k + 1, printed(numbers.slice(0, end).reduce((most, each) => Math.max(most, each)))]);
}

/** Returns the most edits at once for which a bound is as asked, 0 where one breaks it, null where texts were drawn. */
function radiusOf(curve: readonly Row[], { seed }: SizeOfSet, asAsked: (bound: number) => boolean): number | null {
  if (seed !== null) return null;
  return Math.max(0, ...curve.filter(([, bound]) => asAsked(bound)).map(([atOnce]) => atOnce));
}
