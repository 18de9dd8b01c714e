/** The published shape of Gaussian noise: a lower-triangular matrix A of determinant 1, and solving with it. */

import { sha256 } from "../json/canonical.js";
import { asObject, asString, requireFields, wholeNumber, type Json } from "../json/data.js";
import { unpackedBytes, unpackedNumbers } from "../json/packed.js";
import { exactSum } from "../numbers/doubles.js";
import { singularValues } from "../numbers/singularValues.js";
import { Invalid, type Check } from "../verdict.js";

const MOST_DIMENSIONS = 64;
/** Longest over shortest half-axis. */
const MOST_ECCENTRIC = 1e4;
/** The most that ln det A may differ from 0: a little less than the Python library's 10⁻⁹, since logarithms may differ. */
const DETERMINANT_SLACK = 1e-9 - 1e-12;
/** The error taken for each end of the spectrum, as a share of the largest singular value. */
const SPECTRUM_SLACK = 1e-12;
const UNIT = 2 ** -53;
const LONGEST_NAME = 200;

export class Shape {
  /** The shortest and the longest half-axis of the ball {‖A⁻¹δ‖ ≤ 1}, the first rounded down and the second up. */
  readonly halfAxes: readonly [number, number];
  /** How much longer A⁻¹δ may be than computed, relative. */
  readonly slack: number;
  /** ‖A‖_F. */
  readonly frobenius: number;

  private constructor(
    readonly name: string,
    readonly dimension: number,
    readonly statedDigest: string,
    private readonly bytes: Uint8Array<ArrayBuffer>,
    rows: readonly (readonly number[])[],
  ) {
    const values = singularValues(rows);
    const [largest, least] = [Math.max(...values), Math.min(...values)];
    this.halfAxes = [least - SPECTRUM_SLACK * largest, largest + SPECTRUM_SLACK * largest];
    this.frobenius = norm(rows.flat());
    const inverse = rows.flatMap((_, column) => solved(rows, column));
    this.slack = 4 * (dimension + 8) * UNIT * this.frobenius * norm(inverse);
  }

  /** Returns the check that the digest stated, which the statement quotes, is that of the matrix. */
  async check(): Promise<Check> {
    const passed = this.statedDigest === (await sha256(this.bytes));
    return { name: "shape", passed, detail: `its digest is ${passed ? "" : "not "}that of its matrix` };
  }

  /** Reads a shape. Throws Invalid for whatever is none, for d above 64 and for half-axes more than 10⁴ apart. */
  static read(value: Json | undefined): Shape {
    const fields = asObject(value, "mechanism.shape");
    requireFields(fields, "mechanism.shape", ["name", "dimension", "sha256", "cholesky"]);
    const name = asString(fields["name"], "mechanism.shape.name");
    const letters = Array.from(name).length;
    if (letters < 1 || letters > LONGEST_NAME)
      throw new Invalid(`mechanism.shape.name has 1 to ${LONGEST_NAME} letters`);
    const bytes = unpackedBytes(fields["cholesky"], "mechanism.shape.cholesky");
    const dimension = wholeNumber(fields, "dimension", "mechanism.shape.dimension");
    if (dimension < 1 || dimension > MOST_DIMENSIONS || bytes.length !== 4 * dimension * (dimension + 1)) {
      throw new Invalid(`mechanism.shape.cholesky must be the packed lower triangle of 1 to ${MOST_DIMENSIONS} rows`);
    }
    const packed = unpackedNumbers(bytes, 8, "mechanism.shape.cholesky");
    const rows = Array.from({ length: dimension }, (_, row) =>
      Array.from({ length: dimension }, (_, column) =>
        column > row ? 0 : (packed[(row * (row + 1)) / 2 + column] as number),
      ),
    );
    const diagonal = rows.map((row, k) => row[k] as number);
    if (!packed.every(Number.isFinite) || !diagonal.every((entry) => entry > 0)) {
      throw new Invalid("mechanism.shape must have finite entries and a positive diagonal");
    }
    if (Math.abs(exactSum(diagonal.map(Math.log))) > DETERMINANT_SLACK) {
      throw new Invalid("mechanism.shape must have determinant 1, so that levels compare");
    }
    const shape = new Shape(name, dimension, asString(fields["sha256"], "mechanism.shape.sha256"), bytes, rows);
    const [shortest, longest] = shape.halfAxes;
    // A little stricter than the library, whose singular values may differ from these in their last digits.
    const isRound = longest <= MOST_ECCENTRIC * (shortest - SPECTRUM_SLACK * longest);
    if (!(Number.isFinite(longest) && shortest > 0 && isRound)) {
      throw new Invalid(`mechanism.shape has half-axes from ${shortest} to ${longest}, too far apart`);
    }
    return shape;
  }
}

/** Returns column `column` of A⁻¹, by forward substitution. */
function solved(rows: readonly (readonly number[])[], column: number): number[] {
  const found: number[] = [];
  rows.forEach((row, k) => {
    const known = found.reduce((sum, value, j) => sum + (row[j] as number) * value, 0);
    found.push(((k === column ? 1 : 0) - known) / (row[k] as number));
  });
  return found;
}

function norm(entries: readonly number[]): number {
  return Math.sqrt(entries.reduce((sum, entry) => sum + entry * entry, 0));
}
