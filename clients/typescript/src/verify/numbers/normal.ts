/**
 * The normal distribution: Φ, its inverse, and the total variation 2Φ(r/2) − 1.
 *
 * Relative errors stay below 10⁻¹⁵ for Φ, erf and Φ⁻¹ (absolute below 10⁻¹⁶ near the zero of Φ⁻¹) and below 2·10⁻¹⁵ for
 * the inverse of erf; test/verify/numbers.test.ts holds them to it against 30 digits.
 */

const SQRT_2 = Math.SQRT2;
const SQRT_PI = Math.sqrt(Math.PI);
const SQRT_2PI = Math.sqrt(2 * Math.PI);
/** Step of the trapezoidal rule below: its error is e^(−π²/h²), about 10⁻¹⁷. */
const STEP = 0.5;
const TERMS = Array.from({ length: 12 }, (_, k) => (k + 1) * (k + 1) * STEP * STEP);
const WEIGHTS = TERMS.map((square) => Math.exp(-square));
const SERIES_UP_TO = 0.8;

/** Returns Φ(z), the normal distribution function. */
export function ndtr(z: number): number {
  if (Number.isNaN(z)) return NaN;
  if (Math.abs(z) < SERIES_UP_TO) return 0.5 + 0.5 * erfSeries(z / SQRT_2);
  return z < 0 ? upperTail(-z) : 1 - upperTail(z);
}

/** Returns erf(x) for x ≥ 0. */
export function erf(x: number): number {
  if (x < SERIES_UP_TO) return erfSeries(x);
  return 1 - 2 * upperTail(x * SQRT_2);
}

/** Returns the normal density at z. */
export function density(z: number): number {
  return gaussian(z) / SQRT_2PI;
}

/** Returns Φ⁻¹(p): −∞ at 0, ∞ at 1. */
export function ndtri(p: number): number {
  if (!(p > 0)) return p === 0 ? -Infinity : NaN;
  if (p >= 1) return p === 1 ? Infinity : NaN;
  return p > 0.5 ? -quantileBelowHalf(1 - p) : quantileBelowHalf(p);
}

/** Returns the x ≥ 0 with erf(x) = y, for y in [0, 1). */
export function erfinv(y: number): number {
  if (y < 0.5) {
    let x = (y * SQRT_PI) / 2;
    for (let step = 0; step < 6; step++) x -= ((erfSeries(x) - y) * SQRT_PI * Math.exp(x * x)) / 2;
    return x;
  }
  return -quantileBelowHalf((1 - y) / 2) / SQRT_2;
}

/** Returns e^(−z²/2) with the rounding of z² made good. */
function gaussian(z: number): number {
  const square = z * z;
  const high = Math.fround(z); // at most 24 bits, so high·high and high·low are exact
  const low = z - high;
  const error = high * high - square + 2 * high * low + low * low;
  return Math.exp(-square / 2) * (1 - error / 2);
}

/**
 * Returns Φ(−z) for z ≥ 0.8 by the trapezoidal rule for the integral of e^(−t²)/(x² + t²), x = z/√2, whose terms are
 * all positive, with the correction for the pole at t = ix (Chiarella & Reichel 1968).
 */
function upperTail(z: number): number {
  if (z > 40) return 0;
  const square = (z * z) / 2;
  const x = z / SQRT_2;
  let sum = 1 / (2 * square);
  for (let k = 0; k < TERMS.length; k++) sum += (WEIGHTS[k] as number) / (square + (TERMS[k] as number));
  const tail = ((STEP * x) / Math.PI) * gaussian(z) * sum;
  return x < Math.PI / STEP ? tail - 1 / Math.expm1((2 * Math.PI * x) / STEP) : tail;
}

/** Returns erf(x) for small |x|: (2/√π)·e^(−x²)·Σ (2x²)ⁿ·x/(2n + 1)!!, a sum of terms of one sign. */
function erfSeries(x: number): number {
  const square = x * x;
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * square) / (2 * n + 1);
    sum += term;
  }
  return (2 / SQRT_PI) * Math.exp(-square) * sum;
}

/** Returns Φ⁻¹(p) for 0 < p ≤ 1/2: Newton's method, on ln Φ in the tail, where it is nearly quadratic. */
function quantileBelowHalf(p: number): number {
  if (p === 0.5) return 0;
  const target = Math.log(p);
  const t = Math.sqrt(-2 * target);
  let z = p < 0.2 ? -(t - Math.log(t * SQRT_2PI) / t) : -(0.5 - p) * SQRT_2PI;
  for (let step = 0; step < 50; step++) {
    const value = ndtr(z);
    // Far down the logarithms are compared, and near the middle the values, where ln p is a small difference.
    const move = p < 0.2 ? (Math.log(value / p) * value) / density(z) : (value - p) / density(z);
    const next = Math.min(z - move, 0);
    if (Math.abs(next - z) <= 1e-16 * Math.abs(z)) return next;
    if (step > 8 && Math.abs(next - z) <= 4e-16 * Math.abs(z)) return next;
    z = next;
  }
  return z;
}
