/** Claims on scores of runs that read some of the units: bounds for every number of altered units. */

import { buildBand, type SurvivalBand } from "../bounds/band.js";
import { RELATIVE_SLACK } from "../numbers/decimal.js";
import { fraction, nineDigits, sum, type Fraction } from "../numbers/fractions.js";
import type { AskedClaim } from "../scores/asked.js";
import { valueAt, type Row, type UnitScoreClaim } from "./certificate.js";
import type { UnitChoice } from "./choice.js";
import { MOST_ROWS, NEARLY_ALL } from "./claims.js";
import { TouchedRuns } from "./touched.js";

/** Sums of whole numbers below this one are exact in any order. */
const LARGEST_SUM = 2 ** 53;
const ULP = 2 ** -52;

/** How bad the runs of all subsets are, for every claim of a certificate, and the most that they can become. */
export class WorstRuns {
  readonly runs: number;
  readonly bad: readonly (readonly number[])[];
  private readonly sums: readonly number[];
  private readonly touched: TouchedRuns;

  constructor(claims: readonly UnitScoreClaim[], choice: UnitChoice) {
    this.runs = Number(choice.subsets ?? 0n);
    // A run without a score, and a subset that was not run, are the worst.
    this.bad = claims.map(({ asked: { width }, evidence: { distances } }) =>
      Array.from({ length: this.runs }, (_, run) => Math.min(distances[run] ?? width, width)),
    );
    this.sums = this.bad.map((series) => series.reduce((total, each) => total + each, 0));
    const lacking = this.bad.map((series, place) => series.map((each) => (claims[place]?.asked.width ?? 0) - each));
    this.touched = new TouchedRuns(choice.units, choice.size ?? 0, lacking);
  }

  /** Returns the most that all runs can add up to after m edits, up to the rounding of sums. place: of the claim. */
  total(place: number, altered: number): number {
    return (this.sums[place] as number) + (this.touched.most(altered)[place] as number);
  }
}

/** What a claim on a score becomes for any number of altered units, from its series over the runs. */
export class UnitScoreBounds {
  /**
   * Whether the bounds are quotients of whole numbers, which every machine rounds alike: all subsets were run, and how
   * bad each is is a whole number.
   */
  readonly isCounted: boolean;
  readonly asked: AskedClaim;
  private readonly band: SurvivalBand | null;

  /** place: of the claim among those of `worst`. worst: null where runs were drawn. alpha: that the claim may spend then. */
  constructor(
    { asked, evidence }: UnitScoreClaim,
    private readonly place: number,
    readonly choice: UnitChoice,
    private readonly worst: WorstRuns | null,
    alpha: number,
  ) {
    const width = asked.width;
    this.asked = asked;
    this.band = worst === null ? buildBand(asked.band, evidence.ordered(width), width, alpha) : null;
    const whole = Number.isInteger(width) && worst?.bad[place]?.every(Number.isInteger) === true;
    this.isCounted = whole && width * (worst?.runs ?? 0) < LARGEST_SUM;
  }

  /** Returns the bound after m edits in the claim's own terms, full digits, past the error of its arithmetic. */
  full(altered: number): number {
    return this.asked.full(this.integral(altered));
  }

  /** Returns the bound after m edits in the claim's own terms, as a certificate prints it. */
  at(altered: number): number {
    if (this.worst === null || !this.isCounted) return this.asked.stated(this.integral(altered));
    const total = BigInt(this.worst.total(this.place, altered));
    return exactlyStated(this.asked, { numerator: total, denominator: BigInt(this.worst.runs) });
  }

  private integral(altered: number): number {
    const width = this.asked.width;
    if (this.worst !== null) {
      const { runs } = this.worst;
      const mean = (this.worst.total(this.place, altered) / runs) * (1 + RELATIVE_SLACK + runs * ULP);
      return Math.min(width, mean * (1 + RELATIVE_SLACK));
    }
    const { edges, levels } = this.band as SurvivalBand;
    const touched = this.choice.touched(altered);
    const summed = levels.reduce(
      (sum, level, k) => sum + Math.min(1, level + touched) * ((edges[k + 1] as number) - (edges[k] as number)),
      0,
    );
    return Math.min(width, summed * (1 + RELATIVE_SLACK + levels.length * ULP));
  }
}

/** Returns an exact bound on the mean of the series in the claim's own terms, as a certificate prints it. */
function exactlyStated(asked: AskedClaim, bad: Fraction): number {
  const [least, most] = asked.ofMean ? [asked.score.least, asked.score.most] : [0, 1];
  if (asked.isUpper) return Math.min(most, nineDigits(sum(fraction(least), bad), true));
  const lost = { ...bad, numerator: -bad.numerator };
  return Math.max(least, nineDigits(sum(fraction(most), lost), false));
}

/** Returns the rows of a claim: up to the first that says nothing, or touches nearly every run. */
export function derivedScoreRows(bounds: UnitScoreBounds): Row[] {
  const { asked, choice } = bounds;
  const worst = asked.stated(asked.width);
  const curve: Row[] = [];
  for (let altered = 0; altered <= Math.min(choice.units, MOST_ROWS); altered++) {
    const bound = bounds.at(altered);
    curve.push([altered, bound]);
    if (bound === worst || choice.touched(altered) >= NEARLY_ALL) break;
  }
  return curve;
}

/** Returns what is read from a claim's rows. altered: the number of units asked for, null for the radius. */
export function readFromRows(
  asked: AskedClaim,
  curve: readonly Row[],
  altered: number | null,
): Pick<UnitScoreClaim, "radius" | "bound"> {
  const holding = curve.filter(([, bound]) => asked.metBy(bound)).map(([m]) => m);
  const radius = holding.length > 0 ? Math.max(...holding) : null;
  return { radius, bound: valueAt(curve, altered ?? radius ?? 0) ?? asked.stated(asked.width) };
}
