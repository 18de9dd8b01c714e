/** Looking more than once: which samples a job may stop at, and what each look may spend. */

import { asList, asNumber, asObject, isWhole, requireFields, type Json } from "../json/data.js";
import { exactSum } from "../numbers/doubles.js";
import { Invalid } from "../verdict.js";
import { requireAlpha } from "./band.js";

export class LookPlan {
  constructor(
    readonly sizes: readonly number[],
    readonly alphas: readonly number[],
    /** The look that the document says was taken. */
    readonly taken: number,
  ) {}

  /** Returns the index of the look with this size. Throws Invalid where there is none. */
  lookAt(samples: number): number {
    const index = this.sizes.indexOf(samples);
    if (index < 0) throw new Invalid(`${samples} samples are no look of the plan, which looks at [${this.sizes}]`);
    return index;
  }

  /** Returns what the look at so many samples may spend. */
  alphaAt(samples: number): number {
    return this.alphas[this.lookAt(samples)] as number;
  }

  /** Throws Invalid where the looks together may spend more than alpha. */
  requireWithin(alpha: number): void {
    const spent = exactSum(this.alphas);
    if (spent > alpha) throw new Invalid(`the looks may spend ${spent}, more than alpha ${alpha}`);
  }

  static read(value: Json | undefined): LookPlan {
    const fields = asObject(value, "looks");
    requireFields(fields, "looks", ["sizes", "alphas", "taken"]);
    const sizes = asList(fields["sizes"], "looks.sizes");
    const alphas = asList(fields["alphas"], "looks.alphas").map((alpha) => asNumber(alpha, "looks.alphas"));
    const counts = sizes.map((_, k) => (isWhole(sizes, k) ? (sizes[k] as number) : NaN));
    const increase = counts.every((size, k) => size >= 1 && (k === 0 || size > (counts[k - 1] as number)));
    if (counts.length === 0 || !increase) throw new Invalid("looks.sizes must be whole numbers that increase");
    if (alphas.length !== counts.length) throw new Invalid("every look needs its alpha");
    alphas.forEach(requireAlpha);
    if (!isWhole(fields, "taken")) throw new Invalid("looks.taken must be a whole number");
    return new LookPlan(counts, alphas, fields["taken"] as number);
  }
}
