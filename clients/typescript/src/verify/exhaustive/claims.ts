/**
 * What follows from the runs: a step function of the attack's norm, and the norms below which something is claimed.
 *
 * Only comparisons and decimal rounding, so that every machine derives the same numbers.
 */

import { roundDown, roundUp } from "../numbers/decimal.js";
import type { Point } from "../spread/certificate.js";
import type { ExactClaim, ExhaustiveClaims } from "./certificate.js";
import type { ExhaustiveEvidence } from "./evidence.js";

const WHOLE_SHARE = 1;

/** A quantity that rises with the runs, in order of cost, and is `most` at and beyond the cost of what was not run. */
class Steps {
  private readonly largest: number[] = [];

  /** printed: how a value of the quantity is stated. */
  constructor(
    readonly values: readonly number[],
    private readonly costs: readonly number[],
    private readonly nextCost: number | null,
    private readonly most: number,
    private readonly printed: (value: number) => number,
  ) {
    let running = 0;
    for (const value of values) {
      running = Math.max(running, Math.min(value, most));
      this.largest.push(running);
    }
  }

  /** Returns what is stated for attacks of l2 norm ≤ epsilon: a sequence at this cost is reachable. */
  at(epsilon: number): number {
    if (this.nextCost !== null && this.nextCost <= epsilon) return this.printed(this.most);
    return this.printed(this.upTo((cost) => cost <= epsilon));
  }

  /** Returns what is stated for attacks of l2 norm strictly below a radius > 0. */
  below(radius: number): number {
    if (this.nextCost !== null && this.nextCost < radius) return this.printed(this.most);
    return this.printed(this.upTo((cost) => cost < radius));
  }

  /** Returns the first place at which the quantity, as it is stated, is not as asked; null where there is none. */
  firstNot(asAsked: (stated: number) => boolean): number | null {
    const place = this.largest.findIndex((value) => !asAsked(this.printed(value)));
    return place < 0 ? null : place;
  }

  /** Returns the norm strictly below which no attack reaches run `place` or what was not run: rounded down. */
  holdsBelow(place: number | null): number {
    const end = place === null ? Infinity : roundDown(this.costs[place] as number);
    return Math.min(end, this.nextCost === null ? Infinity : roundDown(this.nextCost));
  }

  /** Returns (epsilon, stated) where the quantity rises, the first at 0. */
  curve(): Point[] {
    const points = new Map<number, number>();
    this.largest.forEach((value, k) => {
      if (k === 0 || value > (this.largest[k - 1] as number)) {
        points.set(roundDown(this.costs[k] as number), this.printed(value));
      }
    });
    const last = this.largest[this.largest.length - 1] as number;
    if (this.nextCost !== null && last < this.most) points.set(roundDown(this.nextCost), this.printed(this.most));
    return [...points];
  }

  private upTo(isReached: (cost: number) => boolean): number {
    let reached = 0;
    while (reached < this.costs.length && isReached(this.costs[reached] as number)) reached += 1;
    return this.largest[reached - 1] as number;
  }
}

/** Returns all that follows from the evidence. epsilon: the norm asked for, null for the radius. */
export function derivedClaims(
  evidence: ExhaustiveEvidence,
  tolerance: number,
  epsilon: number | null,
): ExhaustiveClaims {
  const { costs, distances, diameter, nextCost } = evidence;
  const steps = new Steps(distances, costs, nextCost, diameter, (bound) => Math.min(roundUp(bound), diameter));
  // A number rounded up to nine digits is above the tolerance exactly if it was above the tolerance rounded down.
  const within = roundDown(tolerance);
  const breaking = place(distances.findIndex((distance) => Math.min(distance, diameter) > within));
  const moved = place(distances.findIndex((distance) => distance > 0));
  const radius = steps.holdsBelow(breaking);
  const asked = epsilon ?? (radius === 0 ? 0 : null);
  const distance = breaking === null ? null : (distances[breaking] as number);
  return {
    radius,
    w1Bound: asked === null ? steps.below(radius) : steps.at(asked),
    curve: steps.curve(),
    keeps: [{ share: WHOLE_SHARE, radius: steps.holdsBelow(moved) }],
    brokenBy:
      breaking === null
        ? null
        : { index: breaking, cost: costs[breaking] as number, distance: distance === Infinity ? null : distance },
  };
}

/** What the runs prove of a claim on a score. */
export type DerivedExact = Pick<ExactClaim, "radius" | "bound" | "curve" | "brokenBy">;

export function derivedExact(
  { asked, series }: ExactClaim,
  { costs, nextCost }: ExhaustiveEvidence,
  epsilon: number | null,
): DerivedExact {
  const steps = new Steps(series.values, costs, nextCost, asked.width, (value) => asked.stated(value));
  const brokenBy = steps.firstNot((stated) => asked.metBy(stated));
  const radius = steps.holdsBelow(brokenBy);
  const at = epsilon ?? (radius === 0 ? 0 : null);
  return { radius, bound: at === null ? steps.below(radius) : steps.at(at), curve: steps.curve(), brokenBy };
}

function place(found: number): number | null {
  return found < 0 ? null : found;
}
