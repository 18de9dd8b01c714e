/** What follows from the runs: for every number of altered units a bound on W₁ and the least share of the answer. */

import { buildBand, ORDER_STATISTICS, TWO_VALUED, type SurvivalBand } from "../bounds/band.js";
import { RELATIVE_SLACK, roundDown, roundUp } from "../numbers/decimal.js";
import { isAtLeastProduct, nextAfter } from "../numbers/doubles.js";
import { shareOf } from "../numbers/fractions.js";
import type { Evidence } from "../spread/evidence.js";
import { valueAt, type Row, type UnitsCertificate, type UnitsClaims } from "./certificate.js";
import type { UnitChoice } from "./choice.js";
import { TouchedRuns } from "./touched.js";

export const MOST_ROWS = 1000;
export const NEARLY_ALL = 0.99;
const ULP = 2 ** -52;

/** The bounds for any number of altered units, from the evidence. */
export class UnitBounds {
  private readonly runs: TouchedRuns | null;
  private readonly subsets: number;
  private readonly band: SurvivalBand | null;

  /** alpha: of drawn runs, that these distances may spend; null where they are of all subsets, the last ones missing. */
  constructor(
    private readonly evidence: Evidence,
    readonly choice: UnitChoice,
    readonly alpha: number | null,
    readonly twoValued: boolean,
  ) {
    this.subsets = Number(choice.subsets ?? 0n);
    this.runs = alpha === null ? new TouchedRuns(choice.units, choice.size ?? 0, this.weights()) : null;
    const band = twoValued ? TWO_VALUED : ORDER_STATISTICS;
    this.band = alpha === null ? null : buildBand(band, evidence.ordered(evidence.bound), evidence.bound, alpha);
  }

  /** Returns an upper bound on W₁ between the outputs as they are and as they are after m edits, not yet printed. */
  exactW1(altered: number): number {
    const { bound, diameter } = this.evidence;
    const touched = this.choice.touched(altered);
    const whole = productUp(touched, diameter);
    if (this.twoValued) return whole;
    if (this.band === null) {
      const summed = this.mostTouched(altered)[0] * (1 + RELATIVE_SLACK + this.subsets * ULP);
      return Math.min((summed / this.subsets) * (1 + RELATIVE_SLACK), whole);
    }
    const fixed = Math.min(diameter, bound);
    const ends = this.band.edges.map((edge) => Math.min(edge, diameter - fixed));
    const spread = this.band.levels.reduce(
      (sum, level, k) => sum + Math.min(level, touched) * ((ends[k + 1] as number) - (ends[k] as number)),
      0,
    );
    return Math.min((touched * fixed + spread) * (1 + RELATIVE_SLACK + ends.length * ULP), whole);
  }

  /** Returns a lower bound on the share of runs that give the answer after m edits, not yet printed. */
  exactShare(altered: number): number {
    if (this.band === null) return this.keptUntouched(altered) / this.subsets;
    const lost = (this.band.levels[0] as number) + this.choice.touched(altered);
    return Math.max(0, 1 - lost - RELATIVE_SLACK);
  }

  /** Returns the bound on W₁ as it is printed: rounded up, never above D. */
  w1(altered: number): number {
    return Math.min(roundUp(this.exactW1(altered)), this.evidence.diameter);
  }

  /** Returns the least share as it is printed: rounded down. */
  share(altered: number): number {
    return this.band === null
      ? shareOf(this.keptUntouched(altered), this.subsets)
      : roundDown(this.exactShare(altered));
  }

  /** How many runs lie at distance 0 from the centre. */
  get kept(): number {
    return this.evidence.distances.filter((distance) => distance === 0).length;
  }

  private keptUntouched(altered: number): number {
    return this.kept - this.mostTouched(altered)[1];
  }

  private mostTouched(altered: number): [moved: number, kept: number] {
    return this.runs?.most(altered) as [number, number];
  }

  /** Returns for every subset how far an attack that touches it can move its output, and whether it gives the answer. */
  private weights(): number[][] {
    const { distances, bound, diameter } = this.evidence;
    const ofAll = Array.from({ length: this.subsets }, (_, run) => distances[run] ?? Infinity);
    return [
      ofAll.map((distance) => Math.min(distance + bound, diameter)),
      ofAll.map((distance) => (distance === 0 ? 1 : 0)),
    ];
  }
}

/** Returns the least double that is at least the exact product of two numbers of at least 0. */
function productUp(one: number, other: number): number {
  const nearest = one * other;
  return isAtLeastProduct(nearest, [one, other]) ? nearest : nextAfter(nearest, Infinity);
}

/** Returns the rows: up to the first number of units that leaves nothing of what is claimed, or touches nearly every run. */
export function derivedRows(
  bounds: UnitBounds,
  { tolerance, altered: asked, asksShift }: UnitsCertificate,
): { curve: Row[]; keeps: Row[] | null } {
  const through = asksShift || asked === null ? 0 : asked;
  const [curve, keeps]: [Row[], Row[]] = [[], []];
  for (let altered = 0; altered <= Math.min(bounds.choice.units, MOST_ROWS); altered++) {
    const w1 = bounds.w1(altered);
    const share = bounds.twoValued ? bounds.share(altered) : null;
    curve.push([altered, w1]);
    if (share !== null) keeps.push([altered, share]);
    const nothing = (tolerance === null || w1 > tolerance) && share === 0;
    if ((nothing && altered >= through) || bounds.choice.touched(altered) >= NEARLY_ALL) break;
  }
  return { curve, keeps: bounds.twoValued ? keeps : null };
}

/** Returns the claims whose rows are these: what is stated beside the rows is read from them. */
export function claimsOf(
  { curve, keeps }: Pick<UnitsClaims, "curve" | "keeps">,
  kept: number,
  { tolerance, keep, altered, asksShift }: UnitsCertificate,
): UnitsClaims {
  const holding =
    keep === null
      ? curve.filter(([, bound]) => bound <= (tolerance ?? 0))
      : (keeps ?? []).filter(([, share]) => share >= keep);
  const radius = mostAltered(holding);
  const at = altered === null || (altered > radius && asksShift) ? radius : altered;
  return {
    radius,
    w1Bound: valueAt(curve, at) ?? Infinity,
    curve,
    share: keeps === null ? null : (valueAt(keeps, at) ?? 0),
    keeps,
    majority: keeps === null ? null : mostAltered(keeps.filter(([, share]) => share > 0.5)),
    kept: keeps === null ? null : kept,
  };
}

function mostAltered(rows: readonly Row[]): number {
  return Math.max(0, ...rows.map(([altered]) => altered));
}
