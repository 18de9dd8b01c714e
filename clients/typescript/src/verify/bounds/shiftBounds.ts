/** What no attack of norm ε can exceed, given a band on the honest spread. */

import type { Mechanism } from "../mechanisms/mechanism.js";
import { LARGEST_SHIFT_IN_SIGMAS } from "../mechanisms/mechanism.js";
import { RELATIVE_SLACK, roundUp } from "../numbers/decimal.js";
import { Invalid } from "../verdict.js";
import type { SurvivalBand } from "./band.js";
import type { Lipschitz } from "./lipschitz.js";
import { attackedProbability, totalVariation } from "./theorems.js";

/** How bounds follow from distances. A method's meaning never changes. */
export interface Method {
  readonly name: string;
  readonly schema: string;
  /** Whether the spread bound is T2′, which uses the diameter too, or T2. */
  readonly oscillation: boolean;
  /** Whether a failed sample lies at max(D, D_c) or at D_c. */
  readonly failuresAtDiameter: boolean;
  /** The attack, in sigmas, beyond which nothing but the diameter is claimed. */
  readonly furthest: number;
}

export const SPREAD_V1: Method = {
  name: "spread/v1",
  schema: "smoothgen/certificate/v1",
  oscillation: false,
  failuresAtDiameter: false,
  furthest: Infinity,
};
export const SPREAD_V2: Method = {
  name: "spread/v2",
  schema: "smoothgen/certificate/v2",
  oscillation: true,
  failuresAtDiameter: true,
  furthest: LARGEST_SHIFT_IN_SIGMAS,
};

export class ShiftBounds {
  constructor(
    readonly diameter: number,
    readonly mechanism: Mechanism,
    readonly method: Method,
    readonly roundingSlack: number,
    readonly reach: number,
    readonly lipschitz: Lipschitz | null,
  ) {
    requireSlack(roundingSlack);
  }

  /** Returns how far from the centre a failed sample, or an output nobody has seen, may lie at most. */
  worstDistance(bound: number): number {
    return this.method.failuresAtDiameter ? Math.max(bound, this.diameter) : bound;
  }

  /** Returns min(T1, T2 or T2′, T4, D) in full digits, past the error of its arithmetic. */
  w1(survival: SurvivalBand, epsilon: number): number {
    const r = this.mechanism.radiusInSigmas(epsilon);
    const spread = this.method.oscillation
      ? survival.boundByOscillation(this.diameter, r)
      : survival.integralOfWorstShift(r);
    const universal = this.diameter * totalVariation(r);
    const noisy = (Math.min(universal, spread) + 2 * this.roundingSlack * this.diameter) * (1 + RELATIVE_SLACK);
    let bound = r > this.method.furthest ? this.diameter : Math.min(noisy, this.diameter);
    if (this.lipschitz !== null) bound = Math.min(bound, this.lipschitz.bound(epsilon));
    return epsilon > this.reach ? this.diameter : bound;
  }

  /** Returns what of a tolerance is left for the bounds on ideal noise once the slack has been paid. */
  idealShare(tolerance: number): number {
    return Math.max(0, tolerance - 2 * this.roundingSlack * this.diameter * (1 + 1e-9));
  }

  /** Returns T3: the most that an event of this honest probability can weigh under an attack of norm ≤ epsilon. */
  attacked(probability: number, epsilon: number): number {
    const r = this.mechanism.radiusInSigmas(epsilon);
    const beyond = epsilon > this.reach || r > this.method.furthest;
    const attacked = attackedProbability(probability, beyond ? Infinity : r);
    if (!this.roundingSlack) return attacked;
    return Math.min(1, (attacked + this.roundingSlack) * (1 + RELATIVE_SLACK));
  }
}

/** The bound of one band as a function of ε; values are remembered. */
export class BoundCurve {
  private readonly known = new Map<number, number>();

  constructor(
    readonly survival: SurvivalBand,
    readonly bounds: ShiftBounds,
  ) {}

  at(epsilon: number): number {
    const known = this.known.get(epsilon);
    if (known !== undefined) return known;
    const value = this.bounds.w1(this.survival, epsilon);
    this.known.set(epsilon, value);
    return value;
  }

  /** Returns the bound as a certificate prints it: nine digits, rounded up. */
  printed(epsilon: number): number {
    return roundUp(this.at(epsilon));
  }
}

/** Throws Invalid unless the slack is a total variation below 1. */
export function requireSlack(slack: number): void {
  if (!(slack >= 0 && slack < 1)) throw new Invalid(`rounding_slack must lie in [0, 1), got ${slack}`);
}
