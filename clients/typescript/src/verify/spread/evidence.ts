/** The sampled distances that a certificate of noise rests on. */

import { sha256 } from "../json/canonical.js";
import { asObject, requireFields, type Json } from "../json/data.js";
import { unpackedBytes, unpackedNumbers } from "../json/packed.js";
import { nextFloatUp } from "../numbers/doubles.js";
import { Invalid } from "../verdict.js";

const LEAST_BOUND = 1e-30;
const LARGEST_BOUND = 1e30;

export class Evidence {
  private constructor(
    /** In sample order; infinite where a sample failed. */
    readonly distances: readonly number[],
    /** D_c, at least every possible distance to the centre. */
    readonly bound: number,
    /** D, at least every possible distance between two outputs. */
    readonly diameter: number,
    readonly statedDigest: Json,
    private readonly bytes: Uint8Array<ArrayBuffer>,
  ) {}

  get samples(): number {
    return this.distances.length;
  }

  get failed(): number {
    return this.distances.filter((distance) => distance === Infinity).length;
  }

  /** Returns the digest of the packed distances. */
  sha256(): Promise<string> {
    return sha256(this.bytes);
  }

  /** Returns the distances in increasing order, failed samples at `worst`. */
  ordered(worst: number): number[] {
    const increasing = [...this.distances].sort((a, b) => a - b);
    return increasing.map((distance) => (distance === Infinity ? worst : Math.min(distance, this.bound)));
  }

  /** Throws Invalid for bounds that contradict each other and for distances that are empty or beyond the bound. */
  requireSound(): void {
    requireLength("bound", this.bound);
    requireLength("diameter", this.diameter);
    if (this.diameter > 2 * this.bound * (1 + 1e-9)) {
      throw new Invalid(`diameter ${this.diameter} exceeds twice the bound ${this.bound}`);
    }
    if (this.samples === 0) throw new Invalid("evidence holds no distances");
    // One float32 step beyond the bound is the rounding of a caller who works in single precision.
    const furthest = nextFloatUp(Math.fround(this.bound));
    const beyond = this.distances.find((distance) => distance !== Infinity && distance > furthest);
    if (beyond !== undefined) throw new Invalid(`distance ${beyond} exceeds the bound ${this.bound}`);
  }

  /** Throws Invalid unless this is the evidence of no samples, whose bound is the diameter. */
  requireNone(): void {
    requireLength("diameter", this.diameter);
    if (this.samples > 0 || this.bound !== this.diameter) {
      throw new Invalid("band no-samples/v1 takes no distances, and the diameter as its bound");
    }
  }

  static read(value: Json | undefined, bound: number, diameter: number, mayBeEmpty = false): Evidence {
    const fields = asObject(value, "evidence");
    requireFields(fields, "evidence", ["encoding", "distances", "sha256"]);
    if (fields["encoding"] !== "float32-le/base64") throw new Invalid("evidence.encoding must be float32-le/base64");
    const bytes = unpackedBytes(fields["distances"], "evidence.distances");
    const distances = unpackedNumbers(bytes, 4, "evidence.distances");
    if (distances.length === 0 && !mayBeEmpty) throw new Invalid("evidence.distances must not be empty");
    if (!distances.every((distance) => distance >= 0)) throw new Invalid("evidence.distances must be at least 0");
    return new Evidence(distances, bound, diameter, fields["sha256"] as Json, bytes);
  }
}

export function requireLength(name: string, value: number): void {
  if (!(value >= LEAST_BOUND && value <= LARGEST_BOUND)) {
    throw new Invalid(`${name} must be a number in [1e-30, 1e30], got ${value}`);
  }
}
