/** What a certificate of edits rests on: how far the output on each text that was run is from the prompt's own. */

import { sha256 } from "../json/canonical.js";
import { asObject, requireFields, type Json } from "../json/data.js";
import { unpackedBytes, unpackedNumbers } from "../json/packed.js";
import { ENCODING, isWithin } from "../exhaustive/evidence.js";
import type { SeedOfDraws } from "../seed.js";
import { requireLength } from "../spread/evidence.js";
import { Invalid } from "../verdict.js";
import { drawnIndices, LARGEST_SET } from "./draws.js";

/** What says which texts there are: N, how many of them are one edit away, and the seed that drew those that were run. */
export interface SizeOfSet {
  readonly size: number;
  readonly singles: number;
  /** Null where every text was run. */
  readonly seed: SeedOfDraws | null;
}

export class EditsEvidence {
  /** Which text of the set each run is of, counted from 0. */
  readonly indices: readonly number[];

  private constructor(
    /** The distance of each run's output from the prompt's own; infinite where the run failed. */
    readonly distances: readonly number[],
    readonly of: SizeOfSet,
    readonly diameter: number,
    readonly statedDigest: Json,
    private readonly bytes: Uint8Array<ArrayBuffer>,
  ) {
    this.indices =
      of.seed === null ? distances.map((_, run) => run) : drawnIndices(of.seed.seed, of.size, distances.length);
  }

  get runs(): number {
    return this.distances.length;
  }

  get failed(): number {
    return this.distances.filter((distance) => distance === Infinity).length;
  }

  /** Returns the digest of the packed distances. */
  sha256(): Promise<string> {
    return sha256(this.bytes);
  }

  /** Throws Invalid where two runs of one text have different numbers, of the runs. */
  requireOneForAText(numbers: readonly number[]): void {
    const ofText = new Map<number, number>();
    for (const [run, number] of numbers.entries()) {
      const text = this.indices[run] as number;
      if ((ofText.get(text) ?? number) !== number) throw new Invalid(`text ${text} was drawn twice, with two outcomes`);
      ofText.set(text, number);
    }
  }

  static read(value: Json | undefined, diameter: number, of: SizeOfSet): EditsEvidence {
    const fields = asObject(value, "evidence");
    requireFields(fields, "evidence", ["encoding", "distances", "sha256"]);
    if (fields["encoding"] !== ENCODING) throw new Invalid(`evidence.encoding must be ${ENCODING}`);
    requireLength("diameter", diameter);
    if (!(of.size >= 1 && of.size <= LARGEST_SET)) throw new Invalid(`size must lie in [1, ${LARGEST_SET}]`);
    if (!(of.singles >= 1 && of.singles <= of.size)) throw new Invalid(`singles must lie in [1, ${of.size}]`);
    const bytes = unpackedBytes(fields["distances"], "evidence.distances");
    const distances = unpackedNumbers(bytes, 8, "evidence.distances");
    if (distances.length === 0 || !distances.every((each) => isWithin(each, diameter) || each === Infinity)) {
      throw new Invalid("evidence.distances must lie in [0, diameter]; a failed run is infinite");
    }
    if (of.seed === null && distances.length !== of.size) {
      throw new Invalid(`evidence.distances must be one for each of the ${of.size} texts in the set`);
    }
    const read = new EditsEvidence(distances, of, diameter, fields["sha256"] as Json, bytes);
    read.requireOneForAText(distances);
    return read;
  }
}
