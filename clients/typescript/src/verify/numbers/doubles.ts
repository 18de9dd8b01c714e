/** Single steps on the lattices of doubles and floats, exact sums, and doubles as exact fractions. */

const view = new DataView(new ArrayBuffer(8));

/** Returns the next double from `value` towards `target`. */
export function nextAfter(value: number, target: number): number {
  if (Number.isNaN(value) || Number.isNaN(target)) return NaN;
  if (value === target) return target;
  if (value === 0) return target > 0 ? Number.MIN_VALUE : -Number.MIN_VALUE;
  view.setFloat64(0, value);
  const bits = view.getBigInt64(0);
  view.setBigInt64(0, target > value === value > 0 ? bits + 1n : bits - 1n);
  return view.getFloat64(0);
}

/** Returns the next single-precision number above a positive one. */
export function nextFloatUp(value: number): number {
  view.setFloat32(0, value);
  if (view.getFloat32(0) === Infinity) return Infinity;
  view.setInt32(0, view.getInt32(0) + 1);
  return view.getFloat32(0);
}

/** Returns the sum of finite doubles with one rounding at the end. */
export function exactSum(values: Iterable<number>): number {
  let units = 0n; // of 2^-1074, which every double is a multiple of
  for (const value of values) {
    const { mantissa, exponent } = fractionOf(value);
    units += mantissa << BigInt(exponent + 1074);
  }
  return fromUnits(units);
}

/** Returns a finite double as mantissa·2^exponent, exactly. */
export function fractionOf(value: number): { mantissa: bigint; exponent: number } {
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = biased === 0 ? fraction : fraction | 0x10000000000000n;
  return { mantissa: bits >> 63n ? -magnitude : magnitude, exponent: Math.max(biased, 1) - 1075 };
}

/** Returns the double nearest to a number of units of 2^-1074, ties to even. */
function fromUnits(units: bigint): number {
  if (units === 0n) return 0;
  const negative = units < 0n;
  let magnitude = negative ? -units : units;
  const spare = magnitude.toString(2).length - 53;
  if (spare > 0) {
    const shift = BigInt(spare);
    const rest = magnitude & ((1n << shift) - 1n);
    const half = 1n << (shift - 1n);
    magnitude >>= shift;
    if (rest > half || (rest === half && magnitude & 1n)) magnitude += 1n;
  }
  const value = timesPowerOfTwo(Number(magnitude), Math.max(spare, 0) - 1074);
  return negative ? -value : value;
}

/** Returns value·2^exponent, in steps that a double can hold. */
export function timesPowerOfTwo(value: number, exponent: number): number {
  let [result, left] = [value, exponent];
  while (left > 1000) [result, left] = [result * 2 ** 1000, left - 1000];
  while (left < -1000) [result, left] = [result * 2 ** -1000, left + 1000];
  return result * 2 ** left;
}

/** Returns whether a ≥ the exact product of the factors, all of them finite and at least 0. */
export function isAtLeastProduct(a: number, factors: readonly number[]): boolean {
  let [product, exponent] = [1n, 0];
  for (const factor of factors) {
    const fraction = fractionOf(factor);
    product *= fraction.mantissa;
    exponent += fraction.exponent;
  }
  const left = fractionOf(a);
  const least = Math.min(left.exponent, exponent);
  return left.mantissa << BigInt(left.exponent - least) >= product << BigInt(exponent - least);
}

/** Returns the least double that is at least the exact difference. */
export function differenceUp(minuend: number, subtrahend: number): number {
  const [x, y] = [minuend, -subtrahend];
  const total = x + y;
  const ofY = total - x;
  const error = x - (total - ofY) + (y - ofY);
  return error > 0 ? nextAfter(total, Infinity) : total;
}
