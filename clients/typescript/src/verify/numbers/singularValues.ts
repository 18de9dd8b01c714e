/** Singular values, by rotations of pairs of columns until all are orthogonal (Jacobi's method, one-sided). */

const MOST_SWEEPS = 60;
const ORTHOGONAL = 2 ** -52;

/** Returns the singular values of a square matrix, in no order, each to a few units of 2⁻⁵³ of the largest. */
export function singularValues(rows: readonly (readonly number[])[]): number[] {
  const columns = rows.map((_, column) => rows.map((row) => row[column] as number));
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < columns.length; p++) {
      for (let q = p + 1; q < columns.length; q++) {
        rotated = rotate(columns[p] as number[], columns[q] as number[]) || rotated;
      }
    }
    if (!rotated) break;
  }
  return columns.map((column) => Math.sqrt(product(column, column)));
}

/** Makes two columns orthogonal. Returns whether they were not. */
function rotate(one: number[], other: number[]): boolean {
  const [a, b, c] = [product(one, one), product(other, other), product(one, other)];
  if (!(Math.abs(c) > ORTHOGONAL * Math.sqrt(a * b))) return false;
  const zeta = (b - a) / (2 * c);
  const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
  const cosine = 1 / Math.hypot(1, tangent);
  const sine = cosine * tangent;
  one.forEach((x, k) => {
    const y = other[k] as number;
    one[k] = cosine * x - sine * y;
    other[k] = sine * x + cosine * y;
  });
  return true;
}

function product(one: readonly number[], other: readonly number[]): number {
  return one.reduce((sum, x, k) => sum + x * (other[k] as number), 0);
}
