import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { binomialUpper } from "../../src/verify/numbers/binomial.js";
import { complement, oneUnitApart, repr, roundDown, roundUp, sixDigits } from "../../src/verify/numbers/decimal.js";
import { exactSum, isAtLeastProduct, nextAfter, nextFloatUp } from "../../src/verify/numbers/doubles.js";
import { erf, erfinv, ndtr, ndtri } from "../../src/verify/numbers/normal.js";

type Row = readonly (number | string)[];
const NUMBERS = JSON.parse(
  readFileSync(new URL("../../../../test/verify/numbers.json", import.meta.url), "utf-8"),
) as Record<string, readonly Row[]>;

/** The largest relative error that README.md states; that of Φ⁻¹ is of 0.1 where it is nearer to 0. */
const STATED: readonly (readonly [string, (...given: number[]) => number, number, number])[] = [
  ["ndtr", ndtr, 1e-15, 0],
  ["ndtri", ndtri, 1e-15, 0.1],
  ["erf", erf, 1e-15, 0],
  ["erfinv", erfinv, 2e-15, 0],
  ["binomialUpper", (m, n, alpha) => binomialUpper(m, n, alpha), 1e-13, 0],
];

for (const [name, computed, error, floor] of STATED) {
  test(`${name} has the accuracy stated`, () => {
    const rows = NUMBERS[name] as readonly Row[];
    assert.ok(rows.length >= 200);
    for (const row of rows) {
      const exact = Number(row.at(-1));
      const found = computed(...row.slice(0, -1).map(Number));
      assert.ok(Math.abs(found - exact) <= error * Math.max(Math.abs(exact), floor), `${name}(${row}) gave ${found}`);
    }
  });
}

test("the ends of the special functions", () => {
  assert.equal(ndtr(Infinity), 1);
  assert.equal(ndtr(-Infinity), 0);
  assert.equal(ndtri(0), -Infinity);
  assert.equal(ndtri(1), Infinity);
  assert.equal(ndtri(0.5) + 0, 0);
  assert.equal(erf(0), 0);
});

test("certified digits are rounded outward", () => {
  assert.equal(roundUp(0.1), 0.1);
  assert.equal(roundUp(0.12345678901), 0.12345679);
  assert.equal(roundDown(0.12345678999), 0.123456789);
  assert.equal(roundDown(-0.12345678901), -0.12345679);
  assert.equal(roundUp(999999999.5), 1e9);
  assert.equal(sixDigits(0.00001234567, false), "1.23456e-05");
  assert.equal(sixDigits(2, true), "2");
});

test("a unit of the ninth digit is told from two", () => {
  assert.ok(oneUnitApart(0.123456789, 0.12345679));
  assert.ok(!oneUnitApart(0.123456788, 0.12345679));
  assert.ok(!oneUnitApart(1e-300, 0));
});

test("numbers are written as Python writes them", () => {
  const written: [number, string][] = [
    [1, "1.0"],
    [1e16, "1e+16"],
    [123456789012345680, "1.2345678901234568e+17"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [1.5e-7, "1.5e-07"],
    [-2.5, "-2.5"],
    [Infinity, "inf"],
  ];
  for (const [number, text] of written) assert.equal(repr(number), text);
  assert.equal(complement(0.999), 0.001);
  assert.equal(complement(1e-12), 0.999999999999);
});

test("steps and sums of doubles are exact", () => {
  assert.equal(nextAfter(1, Infinity), 1 + Number.EPSILON);
  assert.equal(nextAfter(1, 0), 1 - Number.EPSILON / 2);
  assert.equal(nextAfter(0, 1), Number.MIN_VALUE);
  assert.equal(nextFloatUp(1), 1 + 2 ** -23);
  assert.equal(exactSum([1e100, 1, -1e100]), 1);
  assert.equal(exactSum(Array.from({ length: 10 }, () => 0.1)), 1);
  assert.ok(isAtLeastProduct(0.01 * (1 + Number.EPSILON), [0.1, 0.1]));
  assert.ok(!isAtLeastProduct(0.01, [0.1, 0.1]));
});
