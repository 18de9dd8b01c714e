/** How the units of a run are chosen: a uniform subset of fixed size, or each unit by itself with one probability. */

import { asNumber, asObject, has, requireFields, wholeNumber, type Json } from "../json/data.js";
import { binomial, quotientUp } from "../numbers/fractions.js";
import { Invalid } from "../verdict.js";
import { touchedByProbability } from "./touched.js";

const MOST_UNITS = 10_000;
/** So many subsets may be run one by one and held in one certificate. */
export const MOST_ENUMERATED = 100_000;

export class UnitChoice {
  /** C(K, s), how many subsets there are; null where each unit is kept by itself. */
  readonly subsets: bigint | null;
  /** For each number of altered units how many subsets hold none of them. */
  private readonly untouched: bigint[];

  /** units: K. size: s, or probability: κ, the other one null. */
  constructor(
    readonly units: number,
    readonly size: number | null,
    readonly probability: number | null,
  ) {
    this.subsets = size === null ? null : binomial(units, size);
    this.untouched = this.subsets === null ? [] : [this.subsets];
  }

  /** Returns β(m), rounded up: how likely a run keeps one of m altered units, for whichever units these are. */
  touched(altered: number): number {
    if (this.subsets === null) return touchedByProbability(this.probability as number, altered);
    return quotientUp(this.subsets - this.untouchedBy(altered), this.subsets);
  }

  /** Returns C(K − m, s), each from the one before: of thousands of units each has thousands of digits. */
  private untouchedBy(altered: number): bigint {
    const most = this.units - (this.size as number);
    if (altered > most) return 0n;
    for (let m = this.untouched.length; m <= altered; m++) {
      this.untouched.push(((this.untouched[m - 1] as bigint) * BigInt(most - m + 1)) / BigInt(this.units - m + 1));
    }
    return this.untouched[altered] as bigint;
  }

  /** Reads a choice. Throws Invalid for another shape and for values out of range. */
  static read(value: Json | undefined): UnitChoice {
    const fields = asObject(value, "choice");
    const bySize = has(fields, "size");
    requireFields(fields, "choice", ["units", bySize ? "size" : "probability"]);
    const units = wholeNumber(fields, "units", "choice.units");
    if (!(units >= 1 && units <= MOST_UNITS)) throw new Invalid(`choice.units must lie in [1, ${MOST_UNITS}]`);
    if (bySize) {
      const size = wholeNumber(fields, "size", "choice.size");
      if (!(size >= 1 && size < units)) throw new Invalid(`choice.size must lie in [1, ${units - 1}], got ${size}`);
      return new UnitChoice(units, size, null);
    }
    const probability = asNumber(fields["probability"], "choice.probability");
    if (!(probability > 0 && probability < 1))
      throw new Invalid("choice.probability must lie strictly between 0 and 1");
    return new UnitChoice(units, null, probability);
  }
}
