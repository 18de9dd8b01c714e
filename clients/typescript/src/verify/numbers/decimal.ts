/** Numbers as decimals: how certificates write them, and how certified ones are rounded outward. */

export const SIGNIFICANT_DIGITS = 9;
/** Relative error granted to a chain of double operations before its result is rounded outward. */
export const RELATIVE_SLACK = 1e-13;
/** Relative difference granted to another machine's special functions. */
export const MACHINE = 1e-12;

/** A number as sign · digits · 10^exponent, from the shortest decimal that reads back as the same double. */
interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

function decimalOf(value: number): Decimal {
  const [mantissa = "0", power = "0"] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  return { negative: value < 0, digits, exponent: Number(power) - (digits.length - 1) };
}

/** Returns a double as Python's `repr` writes it, which is how statements and digests write numbers. */
export function repr(value: number): string {
  if (value === Infinity) return "inf";
  if (value === -Infinity) return "-inf";
  if (Number.isNaN(value)) return "nan";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const { negative, digits, exponent } = decimalOf(value);
  const sign = negative ? "-" : "";
  const point = digits.length + exponent; // digits in front of the decimal point
  if (point > 16 || point < -3) {
    const power = point - 1;
    const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`;
    return `${sign}${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (exponent >= 0) return `${sign}${digits}${"0".repeat(exponent)}.0`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Returns a number as Python's `repr` writes it, and nothing as "None". */
export function reprOrNone(value: number | null): string {
  return value === null ? "None" : repr(value);
}

/** Returns the smallest decimal ≥ value of so many significant digits. */
export function roundUp(value: number, digits = SIGNIFICANT_DIGITS): number {
  return rounded(value, digits, true);
}

/** Returns the largest decimal ≤ value of so many significant digits. */
export function roundDown(value: number, digits = SIGNIFICANT_DIGITS): number {
  return rounded(value, digits, false);
}

function rounded(value: number, most: number, up: boolean): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const { negative, digits, exponent } = decimalOf(value);
  if (digits.length <= most) return value;
  const dropped = digits.length - most;
  const kept = Number(digits.slice(0, most)) + (up === negative ? 0 : 1);
  const magnitude = Number(`${kept}e${exponent + dropped}`);
  return negative ? -magnitude : magnitude;
}

/** Returns whether two numbers differ by at most one unit in the ninth digit of the second. */
export function oneUnitApart(stated: number, derived: number): boolean {
  if (derived === 0 || !Number.isFinite(stated) || !Number.isFinite(derived)) return false;
  const [s, d] = [decimalOf(stated), decimalOf(derived)];
  const unit = d.exponent + d.digits.length - SIGNIFICANT_DIGITS;
  const least = Math.min(s.exponent, d.exponent, unit);
  const difference = atScale(s, least) - atScale(d, least);
  return (difference < 0n ? -difference : difference) <= 10n ** BigInt(unit - least);
}

/** Returns 1 − probability, computed in decimal: 0.999 gives 0.001 and not the double just above it. */
export function complement(probability: number): number {
  const decimal = decimalOf(probability);
  const scale = Math.min(decimal.exponent, 0);
  const left = 10n ** BigInt(-scale) - atScale(decimal, scale);
  return Number(`${left}e${scale}`);
}

/** Returns six digits of a number, rounded down or up, as statements print levels. */
export function sixDigits(value: number, up: boolean): string {
  return general(rounded(value, 6, up));
}

/** Returns a number of at most six digits as the format `.6g` writes it. */
function general(value: number): string {
  const { digits, exponent } = decimalOf(value);
  const power = digits.length + exponent - 1;
  if (value !== 0 && (power < -4 || power >= 6)) {
    const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`;
    return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return repr(value).replace(/\.0$/, "");
}

function atScale({ negative, digits, exponent }: Decimal, scale: number): bigint {
  const magnitude = BigInt(digits) * 10n ** BigInt(exponent - scale);
  return negative ? -magnitude : magnitude;
}

/** Returns a share in percent with one decimal, rounded down, as statements print shares. */
export function percent(share: number): string {
  const decimal = decimalOf(share);
  const least = Math.min(decimal.exponent, -3);
  const [value, unit] = [atScale(decimal, least), 10n ** BigInt(-3 - least)];
  const floor = value / unit - (value < 0n && value % unit !== 0n ? 1n : 0n); // thousandths
  const tenths = floor < 0n ? -floor : floor;
  const sign = floor < 0n || Object.is(share, -0) ? "-" : "";
  return `${sign}${tenths / 10n}.${tenths % 10n} %`;
}
