/** Quotients of whole numbers, rounded to one side without a division that rounds to the nearest. */

import { SIGNIFICANT_DIGITS } from "./decimal.js";
import { fractionOf } from "./doubles.js";

const NINE_DIGITS = 10n ** 9n;
const BITS = 53;

/** An exact number: numerator / denominator, the denominator positive. */
export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** Returns C(n, k), 0 where k > n. n, k: whole numbers of at least 0. */
export function binomial(n: number, k: number): bigint {
  if (k > n) return 0n;
  let found = 1n;
  for (let i = 1; i <= Math.min(k, n - k); i++) found = (found * BigInt(n - i + 1)) / BigInt(i);
  return found;
}

/** Returns the least double that is at least part/whole, for 0 ≤ part ≤ whole; the quotient is 0 or above 2^-900. */
export function quotientUp(part: bigint, whole: bigint): number {
  if (part === 0n) return 0;
  const shift = Math.max(0, BITS + 1 + bits(whole) - bits(part));
  // 53 or 54 bits of the quotient, and whether anything is left of it.
  let [found, rest, exponent] = [(part << BigInt(shift)) / whole, (part << BigInt(shift)) % whole > 0n, -shift];
  while (bits(found) > BITS) {
    rest ||= (found & 1n) === 1n;
    [found, exponent] = [found >> 1n, exponent + 1];
  }
  return Number(rest ? found + 1n : found) * 2 ** exponent;
}

/** Returns part/whole, rounded down to nine decimals. part ≤ whole: whole numbers of at least 0. */
export function shareOf(part: number, whole: number): number {
  return Number((BigInt(part) * NINE_DIGITS) / BigInt(whole)) / 1e9;
}

/** Returns a finite double as a fraction, exactly. */
export function fraction(value: number): Fraction {
  const { mantissa, exponent } = fractionOf(value);
  if (exponent >= 0) return { numerator: mantissa << BigInt(exponent), denominator: 1n };
  return { numerator: mantissa, denominator: 1n << BigInt(-exponent) };
}

export function sum(one: Fraction, other: Fraction): Fraction {
  return {
    numerator: one.numerator * other.denominator + other.numerator * one.denominator,
    denominator: one.denominator * other.denominator,
  };
}

/** Returns the least nine-digit decimal that is at least the fraction, or the largest that is at most that. */
export function nineDigits({ numerator, denominator }: Fraction, up: boolean): number {
  if (numerator === 0n) return 0;
  const negative = numerator < 0n;
  const magnitude = negative ? -numerator : numerator;
  // Digits of the integer part of the quotient, at most one too many; the loop finds the exact scale.
  let scale = String(magnitude).length - String(denominator).length - SIGNIFICANT_DIGITS;
  for (;;) {
    const [above, below] =
      scale < 0 ? [magnitude * 10n ** BigInt(-scale), denominator] : [magnitude, denominator * 10n ** BigInt(scale)];
    const kept = above / below;
    if (String(kept).length > SIGNIFICANT_DIGITS) {
      scale += 1;
      continue;
    }
    const away = above % below > 0n && up !== negative ? 1n : 0n;
    const value = Number(`${kept + away}e${scale}`);
    return negative ? -value : value;
  }
}

function bits(value: bigint): number {
  return value.toString(2).length;
}
