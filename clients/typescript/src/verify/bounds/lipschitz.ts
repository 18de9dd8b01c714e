/** Theorem T4: a generator that is proven to be Lipschitz moves no further than its constant allows. */

import { asList, asObject, asString, field, requireFields, type Json } from "../json/data.js";
import { RELATIVE_SLACK, roundDown, roundUp } from "../numbers/decimal.js";
import { isAtLeastProduct } from "../numbers/doubles.js";
import { Invalid } from "../verdict.js";

const MOST_FACTORS = 4096;
const LARGEST = 1e30;
const STEPS = [0, 1e-12, 1e-9, 1e-6, 1e-3];

/** W₁(P, Q) ≤ constant·‖δ‖₂ + offset for every x and δ. That the factors bound the model's layers is not checked. */
export class Lipschitz {
  constructor(
    readonly constant: number,
    readonly offset: number,
    readonly factors: readonly number[],
    readonly metric: string,
  ) {}

  /** Returns T4's bound, in full digits, past the error of its arithmetic. */
  bound(epsilon: number): number {
    return (this.constant * epsilon + this.offset) * (1 + RELATIVE_SLACK);
  }

  /** Returns the largest nine-digit epsilon found whose printed bound is at most the tolerance; 0 where none is. */
  radius(tolerance: number): number {
    const within = roundDown(tolerance);
    if (this.offset >= within) return 0;
    const epsilon = (within - this.offset) / this.constant;
    for (const step of STEPS) {
      const candidate = roundDown(epsilon * (1 - step));
      if (roundUp(this.bound(candidate)) <= tolerance) return candidate;
    }
    return 0;
  }

  static read(value: Json | undefined): Lipschitz {
    const fields = asObject(value, "lipschitz");
    requireFields(fields, "lipschitz", ["constant", "offset", "factors", "metric"]);
    const factors = asList(fields["factors"], "lipschitz.factors").map((factor) => inRange(factor, "factors", 0));
    const metric = asString(field(fields, "metric"), "lipschitz.metric");
    const constant = inRange(fields["constant"], "constant", 1 / LARGEST);
    const offset = inRange(fields["offset"], "offset", 0);
    if (factors.length < 1 || factors.length > MOST_FACTORS || metric === "") {
      throw new Invalid(`lipschitz must list 1 to ${MOST_FACTORS} factors and name its metric`);
    }
    if (!isAtLeastProduct(constant, factors)) {
      throw new Invalid(`lipschitz.constant ${constant} is below the product of its factors`);
    }
    return new Lipschitz(constant, offset, factors, metric);
  }
}

function inRange(value: Json | undefined, name: string, least: number): number {
  if (typeof value !== "number" || !(value >= least && value <= LARGEST)) {
    throw new Invalid(`lipschitz.${name} must be a number in [${least}, ${LARGEST}]`);
  }
  return value;
}
