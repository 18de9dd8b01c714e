/** β(m): how likely a run is to keep one of m altered units, and the most that the runs which keep one can weigh. */

import { RELATIVE_SLACK } from "../numbers/decimal.js";
import { binomial } from "../numbers/fractions.js";

/** So many sets of altered units are gone through one by one; of more, only their size is used. */
const MOST_SETS = 200_000;
/** So many pairs of a set of altered units and a run are looked at; beyond, only the size of the sets is used. */
const MOST_PAIRS = 20_000_000;
const GRID = 2 ** -52;

/** Returns 1 − (1 − κ)^m, rounded up. A unit is kept where a number of a grid of 2⁵² points is below κ. */
export function touchedByProbability(probability: number, altered: number): number {
  if (altered === 0) return 0;
  const raised = probability + GRID;
  if (raised >= 1) return 1;
  return Math.min(1, -Math.expm1(altered * Math.log1p(-raised)) * (1 + RELATIVE_SLACK));
}

/** The most that the subsets which hold one of m altered units can weigh, for several kinds of weights. */
export class TouchedRuns {
  private readonly found = new Map<number, readonly number[]>();
  private largest: readonly (readonly number[])[] | null = null;
  private kept: readonly Uint8Array[] | null = null;

  /** units, size: K and s. weights: ≥ 0, a list of C(K, s) for each kind, in lexicographic order of the kept units. */
  constructor(
    private readonly units: number,
    private readonly size: number,
    private readonly weights: readonly (readonly number[])[],
  ) {}

  /**
   * Returns for each kind the maximum over all sets of `altered` units where these are gone through; else the sum of as
   * many of the largest weights as a set of that size touches, which is no smaller.
   */
  most(altered: number): readonly number[] {
    // Answered first: going through the sets would list every subset, even those of thousands of units.
    if (altered === 0) return this.weights.map(() => 0);
    const known = this.found.get(altered);
    if (known !== undefined) return known;
    const most = goesThrough(this.units, this.runs, altered) ? this.overAllSets(altered) : this.ofTheLargest(altered);
    this.found.set(altered, most);
    return most;
  }

  private get runs(): number {
    return this.weights[0]?.length ?? 0;
  }

  private ofTheLargest(altered: number): readonly number[] {
    this.largest ??= this.weights.map(sumsOfLargest);
    const touched = this.runs - Number(binomial(Math.max(0, this.units - altered), this.size));
    return this.largest.map((sums) => sums[touched] as number);
  }

  /** Goes through the sets unit by unit: the runs that no unit of a set has touched yet are all the next can touch. */
  private overAllSets(altered: number): readonly number[] {
    this.kept ??= keptUnits(this.units, this.size, this.runs);
    const [kept, kinds, depth] = [this.kept, this.weights.length, Math.min(altered, this.units)];
    const most = this.weights.map(() => 0);
    // One list of untouched runs, and one of sums, for each number of units that a set has so far.
    const untouched = Array.from({ length: depth + 1 }, () => new Int32Array(this.runs));
    const sums = untouched.map(() => new Float64Array(kinds));
    untouched[0]?.forEach((_, run, all) => (all[run] = run));
    const extend = (from: number, size: number, left: number): void => {
      const [before, after] = [untouched[size] as Int32Array, untouched[size + 1] as Int32Array];
      const [sumsBefore, sumsAfter] = [sums[size] as Float64Array, sums[size + 1] as Float64Array];
      for (let unit = from; unit <= this.units - (depth - size); unit++) {
        const holds = kept[unit] as Uint8Array;
        sumsAfter.set(sumsBefore);
        let still = 0;
        for (let place = 0; place < left; place++) {
          const run = before[place] as number;
          if (holds[run] === 0) after[still++] = run;
          else for (let kind = 0; kind < kinds; kind++) sumsAfter[kind]! += this.weights[kind]![run]!;
        }
        if (size + 1 < depth) extend(unit + 1, size + 1, still);
        else sumsAfter.forEach((sum, kind) => (most[kind] = Math.max(most[kind] as number, sum)));
      }
    };
    if (depth > 0) extend(0, 0, this.runs);
    return most;
  }
}

/**
 * Returns whether all sets of so many altered units, and of every smaller number, are gone through one by one: of every
 * smaller number too, so that the bounds never fall as the number rises.
 */
function goesThrough(units: number, runs: number, altered: number): boolean {
  const most = BigInt(Math.min(MOST_SETS, Math.floor(MOST_PAIRS / runs)));
  let sets = 1n;
  for (let m = 0; m <= altered && sets > 0n; m++) {
    if (sets > most) return false;
    sets = (sets * BigInt(units - m)) / BigInt(m + 1);
  }
  return true;
}

/** Returns for every unit which subsets keep it, 1 or 0, the subsets in lexicographic order of the kept units. */
function keptUnits(units: number, size: number, runs: number): readonly Uint8Array[] {
  const kept = Array.from({ length: units }, () => new Uint8Array(runs));
  const chosen = Array.from({ length: size }, (_, place) => place);
  for (let run = 0; run < runs; run++) {
    for (const unit of chosen) (kept[unit] as Uint8Array)[run] = 1;
    let place = size - 1;
    while (place > 0 && chosen[place] === units - size + place) place -= 1;
    chosen[place] = (chosen[place] as number) + 1;
    for (let after = place + 1; after < size; after++) chosen[after] = (chosen[after - 1] as number) + 1;
  }
  return kept;
}

/** Returns the sums of the 0, 1, 2 … largest weights. */
function sumsOfLargest(weights: readonly number[]): readonly number[] {
  const sums = [0];
  for (const weight of [...weights].sort((a, b) => b - a)) sums.push((sums[sums.length - 1] as number) + weight);
  return sums;
}
