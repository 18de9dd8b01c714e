/** What an exhaustive certificate rests on: the cost of every token sequence that was run, and how far its output is. */

import { sha256 } from "../json/canonical.js";
import { asObject, requireFields, type Json } from "../json/data.js";
import { unpackedBytes, unpackedNumbers } from "../json/packed.js";
import { requireLength } from "../spread/evidence.js";
import { Invalid } from "../verdict.js";

export const ENCODING = "float64-le/base64";

/** The runs in order of cost, the prompt itself first, and where the list ends. */
export class ExhaustiveEvidence {
  private constructor(
    readonly costs: readonly number[],
    /** Of each output to the first one; infinite where a run failed. */
    readonly distances: readonly number[],
    readonly diameter: number,
    /** At most the cost of every sequence that was not run; null where there is no other. */
    readonly nextCost: number | null,
    readonly statedDigest: Json,
    private readonly bytes: Uint8Array<ArrayBuffer>,
  ) {}

  get runs(): number {
    return this.costs.length;
  }

  get failed(): number {
    return this.distances.filter((distance) => distance === Infinity).length;
  }

  /** Returns the digest of the packed costs and, behind them, the packed distances. */
  sha256(): Promise<string> {
    return sha256(this.bytes);
  }

  static read(value: Json | undefined, diameter: number, nextCost: number | null): ExhaustiveEvidence {
    const fields = asObject(value, "evidence");
    requireFields(fields, "evidence", ["encoding", "costs", "distances", "sha256"]);
    if (fields["encoding"] !== ENCODING) throw new Invalid(`evidence.encoding must be ${ENCODING}`);
    requireLength("diameter", diameter);
    const packed = [fields["costs"], fields["distances"]].map((text) => unpackedBytes(text, "evidence"));
    const [costs, distances] = packed.map((bytes) => unpackedNumbers(bytes, 8, "evidence")) as [number[], number[]];
    requireCosts(costs, distances, nextCost);
    const outside = distances.find((distance) => !(isWithin(distance, diameter) || distance === Infinity));
    if (distances[0] !== 0 || outside !== undefined) {
      throw new Invalid("evidence.distances must begin with 0 and lie in [0, diameter]; a failed run is infinite");
    }
    const bytes = new Uint8Array(packed.flatMap((part) => Array.from(part)));
    return new ExhaustiveEvidence(costs, distances, diameter, nextCost, fields["sha256"] as Json, bytes);
  }
}

function requireCosts(costs: readonly number[], distances: readonly number[], nextCost: number | null): void {
  if (costs.length === 0 || costs.length !== distances.length) {
    throw new Invalid("evidence.costs and distances must be two lists of one length, not empty");
  }
  const rise = costs.every(
    (cost, k) => isWithin(cost, Number.MAX_VALUE) && (k === 0 || cost >= (costs[k - 1] as number)),
  );
  if (costs[0] !== 0 || !rise) throw new Invalid("evidence.costs must begin with 0, be finite, and never fall");
  if (nextCost !== null && !(nextCost >= (costs[costs.length - 1] as number))) {
    throw new Invalid("next_cost must be at least the last cost");
  }
}

/** Returns whether a number lies in [0, most] and is no negative zero. */
export function isWithin(value: number, most: number): boolean {
  return value >= 0 && value <= most && !Object.is(value, -0);
}

/** How bad each run is for one claim on a score, in [0, width]; infinite where a run has no score. */
export interface Series {
  readonly values: readonly number[];
  readonly statedDigest: Json;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function readSeries(value: Json | undefined, width: number, runs: number, where: string): Series {
  const fields = asObject(value, where);
  requireFields(fields, where, ["encoding", "series", "sha256"]);
  if (fields["encoding"] !== ENCODING) throw new Invalid(`${where}.encoding must be ${ENCODING}`);
  const bytes = unpackedBytes(fields["series"], `${where}.series`);
  const values = unpackedNumbers(bytes, 8, `${where}.series`);
  if (values.length !== runs || !values.every((bad) => isWithin(bad, width) || bad === Infinity)) {
    throw new Invalid(`${where}.series must have a number in [0, ${width}], or infinity, for each of ${runs} runs`);
  }
  return { values, statedDigest: fields["sha256"] as Json, bytes };
}
