/** How much of the answers an attack must leave as they are, and the norm up to which a share of them is kept. */

import { roundDown, roundUp } from "../numbers/decimal.js";
import { ndtri } from "../numbers/normal.js";
import { Invalid } from "../verdict.js";
import type { BoundCurve } from "./shiftBounds.js";

const STEPS = [0, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-7, 1e-5, 1e-3];
const ARITHMETIC = 1e-14;

/** Returns the least probability that an output under an attack of norm ≤ epsilon gives the centre's answer. */
export function leastShare({ survival, bounds }: BoundCurve, epsilon: number): number {
  return Math.max(0, 1 - bounds.attacked(survival.levels[0] as number, epsilon));
}

/** Returns `leastShare` as a certificate prints it, rounded down. */
export function keptShare(curve: BoundCurve, epsilon: number): number {
  return roundDown(leastShare(curve, epsilon));
}

/** Returns the largest epsilon found up to which the printed share is at least `share`; 0 where there is none. */
export function keepRadius(curve: BoundCurve, share: number): number {
  requireKeep(share);
  const { bounds, survival } = curve;
  const lost = 1 - roundUp(share) - bounds.roundingSlack - ARITHMETIC;
  const level = survival.levels[0] as number;
  if (!(level > 0 && level < lost)) return 0;
  const solution = Math.min(bounds.mechanism.epsilon(ndtri(lost) - ndtri(level)), bounds.reach);
  for (const step of STEPS) {
    const candidate = roundDown(solution * (1 - step));
    if (candidate > 0 && keptShare(curve, candidate) >= share) return candidate;
  }
  return 0;
}

/** Throws Invalid unless the share lies strictly between 0 and 1. */
export function requireKeep(share: number): void {
  if (!(share > 0 && share < 1)) throw new Invalid(`keep must lie strictly between 0 and 1, got ${share}`);
}
