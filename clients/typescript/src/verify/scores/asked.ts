/** What is asked of a score: its mean, the share of outputs beyond a threshold, or a quantile, at most or at least x. */

import { ORDER_STATISTICS, TWO_VALUED } from "../bounds/band.js";
import {
  asList,
  asNumber,
  asObject,
  asString,
  field,
  has,
  requireFields,
  sameJson,
  type Json,
  type JsonObject,
} from "../json/data.js";
import { complement, repr, roundDown, roundUp } from "../numbers/decimal.js";
import { differenceUp } from "../numbers/doubles.js";
import { Invalid, Unsupported } from "../verdict.js";

const QUANTILE = "quantile:";
const LEAST_RANGE = 1e-9;
const LARGEST = 1e30;
export const PLUGIN_V1 = "plugin/v1";

/** Which score is meant: a bounded function of an output, and of things that no attack touches. */
export interface ScoreIdentity {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly twoValued: boolean;
  readonly options: JsonObject;
  readonly digest: string | null;
  readonly wording: string | null;
}

/** A claim on a score, as it is asked for. */
export class AskedClaim {
  readonly quantile: number | null;
  readonly asked: number;

  constructor(
    readonly score: ScoreIdentity,
    readonly of: string,
    readonly atMost: number | null,
    readonly atLeast: number | null,
    readonly above: number | null,
  ) {
    this.quantile = quantileOf(of);
    if ((atMost === null) === (atLeast === null)) throw claimError("must say at_most or at_least, one of them");
    this.asked = (atLeast ?? atMost) as number;
    this.requireKind();
    const [low, high] = of === "share" ? [0, 1] : [score.least, score.most];
    const within = atLeast === null ? low <= this.asked && this.asked < high : low < this.asked && this.asked <= high;
    if (!within) throw claimError(`${this.asked} lies outside the range in which the claim says something`);
  }

  private requireKind(): void {
    if (this.of !== "mean" && this.of !== "share" && this.quantile === null) throw claimError("of is unknown");
    if (this.of !== "share") {
      if (this.above !== null) throw claimError("above is the threshold of a share");
    } else if (this.above === null) {
      if (!this.score.twoValued) throw claimError("a share of a score with more than two values needs above");
    } else if (!(this.score.least <= this.above && this.above < this.score.most)) {
      throw claimError("above lies outside the score's range");
    }
  }

  get ofMean(): boolean {
    return this.of === "mean";
  }

  /** Returns the largest value of the series: b − a, rounded up, for a mean, and 1 for an event. */
  get width(): number {
    return this.ofMean ? differenceUp(this.score.most, this.score.least) : 1;
  }

  get band(): string {
    return this.ofMean && !this.score.twoValued ? ORDER_STATISTICS : TWO_VALUED;
  }

  /** Returns x where the claim is on a mean or a share. For a quantile: the share that may lie beyond x. */
  get limit(): number {
    if (this.quantile === null) return this.asked;
    return this.atLeast === null ? complement(this.quantile) : this.quantile;
  }

  /** Returns whether what is stated is an upper bound, which holds where it is at most the limit. */
  get isUpper(): boolean {
    return this.atLeast === null || this.quantile !== null;
  }

  /** Returns the claim in the score's own terms from a bound on the mean of the series, in full digits. */
  full(bound: number): number {
    const start = this.ofMean ? (this.atLeast === null ? this.score.least : -this.score.most) : this.isUpper ? 0 : -1;
    const value = differenceUp(bound, -start);
    return this.isUpper ? value : -value;
  }

  /** Returns `full` as a certificate prints it, nine digits, rounded outward, and never beyond the range. */
  stated(bound: number): number {
    const [low, high] = this.ofMean ? [this.score.least, this.score.most] : [0, 1];
    const value = this.full(bound);
    return this.isUpper ? Math.min(high, roundUp(value)) : Math.max(low, roundDown(value));
  }

  metBy(stated: number): boolean {
    return this.isUpper ? stated <= this.limit : stated >= this.limit;
  }

  /** Returns whether two claims ask the same of one score. */
  asksTheSameAs(other: AskedClaim): boolean {
    return sameJson(this.normal(), other.normal());
  }

  private normal(): Json {
    const { name, least, most, twoValued, options, digest } = this.score;
    const of = this.quantile === null ? this.of : `${QUANTILE}${repr(this.quantile)}`;
    const above = this.of === "share" && this.above === null ? least : this.above;
    return [name, least, most, twoValued, options, digest, of, this.atMost, this.atLeast, above];
  }
}

function quantileOf(of: string): number | null {
  if (!of.startsWith(QUANTILE)) return null;
  const written = of.slice(QUANTILE.length);
  if (!/^[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?$/.test(written)) {
    throw new Unsupported(`a claim's quantile is written as ${JSON.stringify(written).slice(0, 40)}`);
  }
  const q = Number(written);
  // Where 1 − q is rounded to 1, every output would meet the claim.
  return q > 0 && q < 1 && complement(q) < 1 ? q : null;
}

/** Throws Invalid where two claims ask the same, or where they are all that is asked and there are none. */
export function requireAsked(claims: readonly AskedClaim[], asksShift: boolean, keep: number | null): void {
  claims.forEach((claim, place) => {
    if (claims.slice(0, place).some((first) => claim.asksTheSameAs(first))) {
      throw claimError("asks the same as an earlier one");
    }
  });
  if (!asksShift && claims.length === 0) throw new Invalid("asks_shift is false, and there are no claims on scores");
  if (!asksShift && keep !== null) throw new Invalid("asks_shift is false, and keep asks for an answer as well");
}

/** Reads what is asked of a score; `stated` names the fields beside it. Throws Invalid. */
export function readAsked(fields: JsonObject, stated: readonly string[], where: string): AskedClaim {
  requireFields(fields, where, ["score", "of", ...stated], ["at_most", "at_least", "above"]);
  const score = asObject(fields["score"], `${where}.score`);
  requireFields(score, `${where}.score`, ["name", "range", "two_valued", "options"], ["digest", "wording"]);
  const ends = asList(score["range"], `${where}.score.range`).map((end) => asNumber(end, `${where}.score.range`));
  if (ends.length !== 2 || typeof score["two_valued"] !== "boolean") throw claimError("has no range or kind of values");
  const [least, most] = ends as [number, number];
  if (!(most - least >= LEAST_RANGE) || Math.max(Math.abs(least), Math.abs(most)) > LARGEST) {
    throw claimError("has a range that is none");
  }
  if (has(score, "wording") && score["wording"] !== PLUGIN_V1)
    throw claimError(`has a wording other than ${PLUGIN_V1}`);
  const identity: ScoreIdentity = {
    name: asString(score["name"], `${where}.score.name`),
    least,
    most,
    twoValued: score["two_valued"],
    options: asObject(score["options"], `${where}.score.options`),
    digest: has(score, "digest") ? asString(score["digest"], `${where}.score.digest`) : null,
    wording: has(score, "wording") ? PLUGIN_V1 : null,
  };
  const number = (name: string): number | null =>
    has(fields, name) ? asNumber(field(fields, name), `${where}.${name}`) : null;
  return new AskedClaim(
    identity,
    asString(fields["of"], `${where}.of`),
    number("at_most"),
    number("at_least"),
    number("above"),
  );
}

function claimError(message: string): Invalid {
  return new Invalid(`a claim on a score ${message}`);
}
