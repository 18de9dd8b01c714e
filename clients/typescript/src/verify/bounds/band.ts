/** The bands: from sampled distances to upper bounds on P(R > t) that hold for all t together. */

import { RELATIVE_SLACK, roundUp } from "../numbers/decimal.js";
import { binomialUpper } from "../numbers/binomial.js";
import { Invalid, Unsupported } from "../verdict.js";
import { level, upwardShift, worstShift, type Level } from "./theorems.js";

const INVERSION_SLACK = 1e-9;
const RANK_0_SHARE = 0.3;
const GRID_STEP = 0.35;
export const LEAST_ALPHA = 1e-12;

export const ORDER_STATISTICS = "order-statistics/v1";
export const TWO_VALUED = "two-valued/v1";
export const NO_SAMPLES = "no-samples/v1";

/** Upper bounds on P(R > t): `levels[k]` for t from edges[k] up to edges[k + 1]. */
export class SurvivalBand {
  private readonly of: readonly Level[];
  private readonly lengths: readonly number[];

  constructor(
    readonly edges: readonly number[],
    readonly levels: readonly number[],
  ) {
    this.of = levels.map(level);
    this.lengths = levels.map((_, k) => (edges[k + 1] as number) - (edges[k] as number));
  }

  /** Returns T2's right side, the integral of W_r(P(R > t)), rounded up. */
  integralOfWorstShift(r: number): number {
    return this.integral(this.of.map((of) => worstShift(of, r))) * (1 + RELATIVE_SLACK);
  }

  /** Returns the integral of a step function with these heights. */
  integral(heights: readonly number[]): number {
    return heights.reduce((sum, height, k) => sum + height * (this.lengths[k] as number), 0);
  }

  /** Returns T2′, whose maximand is concave and piecewise linear in s, so that it is read at all its kinks; rounded up. */
  boundByOscillation(diameter: number, r: number): number {
    const lostOrGained = this.cumulated(this.of.map((of) => worstShift(of, r)));
    const gained = this.cumulated(this.of.map((of) => upwardShift(of, r)));
    let largest = -Infinity;
    for (const edge of [...this.edges, ...this.edges.map((t) => diameter - t), 0, diameter / 2]) {
      const start = Math.min(Math.max(edge, 0), diameter / 2);
      const end = Math.max(diameter - start, start);
      largest = Math.max(largest, this.read(lostOrGained, start) + (this.read(gained, end) - this.read(gained, start)));
    }
    return largest * (1 + RELATIVE_SLACK + 4 * this.levels.length * 2 ** -53);
  }

  /** Returns this band with `slack` added to every level, at most 1. */
  raised(slack: number): SurvivalBand {
    return slack
      ? new SurvivalBand(
          this.edges,
          this.levels.map((p) => Math.min(1, p + slack)),
        )
      : this;
  }

  /** Returns T3's t for gamma: the first edge behind which an attacked level is small enough, rounded up. */
  quantile(gamma: number, attacked: readonly number[]): number {
    const bound = this.edges[this.edges.length - 1] as number;
    const first = attacked.findIndex((probability) => probability <= gamma);
    return first < 0 ? bound : Math.min(roundUp(this.edges[first] as number), bound);
  }

  private cumulated(heights: readonly number[]): number[] {
    const sums = [0];
    heights.forEach((height, k) => sums.push((sums[k] as number) + height * (this.lengths[k] as number)));
    return sums;
  }

  /** Returns a cumulated integral up to `at`: linear between edges, constant beyond the last. */
  private read(cumulated: readonly number[], at: number): number {
    let step = this.levels.length - 1;
    while (step > 0 && (this.edges[step] as number) > at) step -= 1;
    const length = this.lengths[step] as number;
    const inside = Math.min(Math.max(at - (this.edges[step] as number), 0), length);
    const share = length > 0 ? inside / length : 1;
    const below = cumulated[step] as number;
    return below + share * ((cumulated[step + 1] as number) - below);
  }
}

/** Throws Invalid unless alpha lies in [1e-12, 1). */
export function requireAlpha(alpha: number): void {
  if (!(alpha >= LEAST_ALPHA && alpha < 1)) throw new Invalid(`alpha must lie in [1e-12, 1), got ${alpha}`);
}

/** Returns the probability that the survival at a rank exceeds with probability ≤ alpha only, rounded up. */
export function clopperPearsonUpper(rank: number, n: number, alpha: number): number {
  return Math.min(1, binomialUpper(rank, n, alpha) * (1 + INVERSION_SLACK));
}

/** Returns ranks 0 = m₀ < m₁ < … < n, in steps of max(1, 0.35·√(m·ln(20/α))). */
function gridRanks(n: number, alpha: number): number[] {
  requireAlpha(alpha);
  const ranks = [0];
  for (;;) {
    const last = ranks[ranks.length - 1] as number;
    const following = last + Math.max(1, Math.floor(GRID_STEP * Math.sqrt(last * Math.log(20 / alpha))));
    if (following >= n) return ranks;
    ranks.push(following);
  }
}

function rankAlphas(count: number, alpha: number): number[] {
  if (count === 1) return [alpha];
  return Array.from({ length: count }, (_, k) =>
    k === 0 ? RANK_0_SHARE * alpha : ((1 - RANK_0_SHARE) * alpha) / (count - 1),
  );
}

/** Returns the band of this name. ordered: distances, increasing, failed samples at their worst. */
export function buildBand(name: string, ordered: readonly number[], bound: number, alpha: number): SurvivalBand {
  const n = ordered.length;
  if (name === ORDER_STATISTICS) {
    const ranks = gridRanks(n, alpha);
    const alphas = rankAlphas(ranks.length, alpha);
    const levels = ranks.map((rank, k) => clopperPearsonUpper(rank, n, alphas[k] as number));
    const distances = ranks.map((rank) => Math.min(ordered[n - 1 - rank] as number, bound));
    return new SurvivalBand([0, ...distances.reverse(), bound], [1, ...levels.reverse()]);
  }
  if (name === TWO_VALUED) {
    const stray = ordered.find((distance) => distance !== 0 && distance < bound);
    if (stray !== undefined) throw new Invalid(`band ${name} takes distances of 0 or ${bound} only, got ${stray}`);
    const exceeding = ordered.filter((distance) => distance !== 0).length;
    return new SurvivalBand([0, bound], [exceeding === n ? 1 : clopperPearsonUpper(exceeding, n, alpha)]);
  }
  if (name === NO_SAMPLES) {
    if (n > 0) throw new Invalid(`band ${name} takes no distances, got ${n}`);
    return new SurvivalBand([0, bound], [1]);
  }
  throw new Invalid(`unknown band ${name}`);
}

/** Returns how a band spends its share of alpha, as documents state it. */
export function alphaSplit(band: string, n: number, alpha: number): Record<string, number> {
  if (band === TWO_VALUED) return { exceedance: alpha };
  if (band === NO_SAMPLES) return {};
  if (band !== ORDER_STATISTICS) throw new Unsupported(`unknown band ${band}`);
  const alphas = rankAlphas(gridRanks(n, alpha).length, alpha);
  return {
    rank_0: alphas[0] as number,
    each_other_rank: alphas[alphas.length - 1] as number,
    grid_ranks: alphas.length,
  };
}
