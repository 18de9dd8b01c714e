/**
 * The theorems T1 to T3: how far a Gaussian shift of r sigmas can move the law of the outputs.
 *
 * Results are upper bounds: each is rounded up past the error of the double arithmetic behind it. The proofs are in
 * docs/theory/bounds.md of the project.
 */

import { RELATIVE_SLACK } from "../numbers/decimal.js";
import { density, erf, erfinv, ndtr, ndtri } from "../numbers/normal.js";

const ABSOLUTE_SLACK = 4e-15;
const NEWTON_STEPS = 4;
const TINY = 1e-300;
const FURTHEST = 1e6;
const SQRT_8 = Math.sqrt(8);

/** Returns T1's factor 2Φ(r/2) − 1, rounded up and at most 1. */
export function totalVariation(r: number): number {
  return Math.min(1, erf(r / SQRT_8) * (1 + RELATIVE_SLACK));
}

/** Returns the largest r whose total variation is at most `distance` in [0, 1), rounded down. */
export function totalVariationRadius(distance: number): number {
  return SQRT_8 * erfinv(distance) * (1 - 1e-12);
}

/** A probability p with what every r needs of it: Φ⁻¹(p) and Φ⁻¹(p/2). */
export interface Level {
  readonly p: number;
  readonly quantile: number;
  readonly halfQuantile: number;
}

export function level(p: number): Level {
  return { p, quantile: ndtri(p), halfQuantile: ndtri(p / 2) };
}

/** Returns T2's W_r(p) = max { ∫_A |dN(r,1) − dN(0,1)| : P(A) ≤ p }, rounded up. */
export function worstShift(of: Level, r: number): number {
  if (of.p <= 0 || r <= 0) return 0;
  const tailOnly = ndtr(-(Math.log(2) / r + r / 2)); // P(ρ > 2): up to here only the upper tail is used
  const shift = of.p > tailOnly ? twoTailed(of, r, tailOnly) : ndtr(of.quantile + r) - of.p;
  return Math.min(shift * (1 + RELATIVE_SLACK) + ABSOLUTE_SLACK, 2 * totalVariation(r));
}

/**
 * Returns the dual κp + E(|ρ − 1| − κ)₊ of W_r(p), minimised over κ in (0, 1). It bounds W_r(p) from above for every κ,
 * so that Newton's method for the lower tail's edge may stop where it likes.
 */
function twoTailed({ p, quantile, halfQuantile }: Level, r: number, tailOnly: number): number {
  const halfR = r / 2;
  const remaining = Math.max(p - tailOnly, TINY);
  const upperAlone = Math.max(1 - Math.expm1(-r * (quantile + halfR)), TINY);
  const start = Math.min(ndtri(remaining), halfR + Math.log(upperAlone) / r, halfR);
  let a = Math.min(start, halfR + halfQuantile);
  let best = Infinity;
  for (let step = 0; step <= NEWTON_STEPS; step++) {
    const exponent = r * (a - halfR);
    const [kappa, c] = [-Math.expm1(exponent), Math.exp(exponent)];
    const b = halfR + Math.log1p(kappa) / r;
    const [upper, lower] = [ndtr(-b), ndtr(a)];
    const event = upper + lower;
    const gain = ndtr(r - b) - upper + (lower - ndtr(a - r));
    const dual = kappa * p + (gain - kappa * event);
    if (dual < best) best = dual;
    const grown = Math.max(event - tailOnly, TINY);
    const slope = (density(a) + (density(b) * c) / (2 - c)) / grown;
    a = Math.min(Math.max(a + Math.log(remaining / grown) / Math.max(slope, TINY), -45), start);
  }
  return best;
}

/** Returns T2′'s W⁺_r(p) = max { Φ(Φ⁻¹(q) + r) − q : q ≤ p }, rounded up. */
export function upwardShift(of: Level, r: number): number {
  if (of.p <= 0 || r <= 0) return 0;
  const shift = Math.min(r, FURTHEST);
  const quantile = Math.min(of.quantile, -shift / 2);
  const gain = (ndtr(quantile + shift) - ndtr(quantile)) * (1 + RELATIVE_SLACK) + ABSOLUTE_SLACK;
  return Math.min(gain, totalVariation(shift));
}

/** Returns T3's Φ(Φ⁻¹(p) + r), rounded up: the most an event of probability ≤ p can weigh after a shift of r. */
export function attackedProbability(p: number, r: number): number {
  if (p <= 0) return 0;
  return Math.min(ndtr(ndtri(p) + r) * (1 + RELATIVE_SLACK) + ABSOLUTE_SLACK, 1);
}
