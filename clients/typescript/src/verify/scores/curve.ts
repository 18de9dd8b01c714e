/** From the scores of samples to what no attack of a given norm can do to them: a curve, and a radius. */

import { buildBand, type SurvivalBand } from "../bounds/band.js";
import { LARGEST_RADIUS_IN_SIGMAS } from "../bounds/radius.js";
import type { ShiftBounds } from "../bounds/shiftBounds.js";
import { RELATIVE_SLACK, roundDown } from "../numbers/decimal.js";
import type { Evidence } from "../spread/evidence.js";
import type { AskedClaim } from "./asked.js";

const HALVINGS = 48;
const CURVE_POINTS = 17;

/** What a claim on a score becomes under attack, as a function of ε, from one band on its series. */
export class ScoreCurve {
  private readonly survival: SurvivalBand;
  private readonly known = new Map<number, number>();

  /** evidence: the claim's series over the samples. alpha: the claim's share. */
  constructor(
    readonly claim: AskedClaim,
    evidence: Evidence,
    private readonly bounds: ShiftBounds,
    alpha: number,
  ) {
    const band = buildBand(claim.band, evidence.ordered(claim.width), claim.width, alpha);
    this.survival = band.raised(bounds.roundingSlack);
  }

  /** Returns the bound in the claim's own terms, full digits, past the error of its arithmetic. */
  full(epsilon: number): number {
    return this.claim.full(this.integral(epsilon));
  }

  /** Returns the bound in the claim's own terms, as a certificate prints it. */
  at(epsilon: number): number {
    return this.claim.stated(this.integral(epsilon));
  }

  holdsAt(epsilon: number): boolean {
    return this.claim.metBy(this.at(epsilon));
  }

  /** Returns the largest nine-digit ε found at which the printed bound is what was asked; null where not even at 0. */
  radius(): number | null {
    if (!this.holdsAt(0)) return null;
    let [low, high] = [
      0,
      roundDown(Math.min(this.bounds.mechanism.epsilon(LARGEST_RADIUS_IN_SIGMAS), this.bounds.reach)),
    ];
    if (this.holdsAt(high)) return high;
    for (let k = 0; k < HALVINGS; k++) {
      const middle = (low + high) / 2;
      if (this.holdsAt(roundDown(middle))) low = middle;
      else high = middle;
    }
    return roundDown(low);
  }

  private integral(epsilon: number): number {
    const known = this.known.get(epsilon);
    if (known !== undefined) return known;
    const attacked = this.survival.levels.map((level) => this.bounds.attacked(level, epsilon));
    const value = Math.min(this.claim.width, this.survival.integral(attacked) * (1 + RELATIVE_SLACK));
    this.known.set(epsilon, value);
    return value;
  }
}

/** Returns the epsilons at which a claim of this radius states its curve, in increasing order. */
export function curveEpsilons(radius: number | null, epsilon: number | null): number[] {
  const end = radius ?? 0;
  const steps = Array.from({ length: CURVE_POINTS }, (_, k) => roundDown((2 * end * k) / (CURVE_POINTS - 1)));
  return [...new Set([...steps, end, epsilon ?? end])].sort((a, b) => a - b);
}
