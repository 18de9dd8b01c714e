import assert from "node:assert/strict";
import { test } from "node:test";

import { percent } from "../../src/verify/numbers/decimal.js";
import { binomial, fraction, nineDigits, quotientUp, shareOf, sum } from "../../src/verify/numbers/fractions.js";
import { Points } from "../../src/verify/numbers/philox.js";
import { singularValues } from "../../src/verify/numbers/singularValues.js";
import { digestsOf, quoted } from "../../src/verify/meaning/quoting.js";
import { repr, scripts } from "../../src/verify/meaning/unicode.js";

/** The first numbers of a seed's stream 12, and of sample 3 at step 2, as numpy draws them. */
const FIRST = [
  2823013808927216, 1101540842215251, 1553878970872091, 1728139998292817, 1320976092620637, 3693923138018849,
];
const SECOND = [3446351677332342, 4095521136631114];

test("a quotient is rounded up to the next double, and no further", () => {
  for (const [part, whole] of [
    [1n, 3n],
    [2n, 3n],
    [1n, 10n],
    [17n, 45n],
    [10n ** 40n + 1n, 3n * 10n ** 40n],
    [1n, 7n ** 200n],
  ] as const) {
    const { numerator, denominator } = fraction(quotientUp(part, whole));
    assert.ok(numerator * whole >= part * denominator);
    const below = fraction(quotientUp(part, whole) * (1 - 2 ** -53));
    assert.ok(below.numerator * whole < part * below.denominator);
  }
  assert.equal(quotientUp(0n, 3n), 0);
  assert.equal(quotientUp(3n, 3n), 1);
  assert.equal(quotientUp(1n, 2n), 0.5);
});

test("fractions are rounded to nine digits on the side that is asked", () => {
  const third = { numerator: 1n, denominator: 3n };
  assert.equal(nineDigits(third, true), 0.333333334);
  assert.equal(nineDigits(third, false), 0.333333333);
  assert.equal(nineDigits({ numerator: -1n, denominator: 3n }, true), -0.333333333);
  assert.equal(nineDigits({ numerator: -1n, denominator: 3n }, false), -0.333333334);
  assert.equal(nineDigits({ numerator: 2_000_000_001n, denominator: 2n }, true), 1_000_000_010);
  assert.equal(nineDigits({ numerator: 999_999_999n, denominator: 1n }, true), 999_999_999);
  assert.equal(nineDigits(sum(fraction(0.5), fraction(-0.25)), true), 0.25);
  assert.equal(nineDigits(fraction(0), false), 0);
});

test("shares are rounded down, in nine decimals and in percent", () => {
  assert.equal(shareOf(2, 3), 0.666666666);
  assert.equal(shareOf(2 ** 32, 2 ** 32), 1);
  assert.equal(percent(0.666666666), "66.6 %");
  assert.equal(percent(1), "100.0 %");
  assert.equal(percent(0), "0.0 %");
  assert.equal(percent(-0.0004), "-0.1 %");
  assert.equal(binomial(10, 3), 120n);
  assert.equal(binomial(2, 3), 0n);
});

test("the random numbers are those of numpy's Philox", () => {
  const seed = "123456789abcdef0123456789abcdef0";
  const points = new Points(seed, 12);
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5].map((place) => points.at(place)),
    FIRST,
  );
  const others = new Points(seed, 12, 3);
  assert.deepEqual([others.at(0, 2), others.at(1, 2)], SECOND);
});

test("singular values of a matrix that is known", () => {
  const [least, largest] = singularValues([
    [3, 0],
    [4, 5],
  ]).sort((a, b) => a - b) as [number, number];
  assert.ok(Math.abs(least - Math.sqrt(5)) < 1e-15);
  assert.ok(Math.abs(largest - Math.sqrt(45)) < 1e-14);
});

test("texts are quoted as Python quotes them", async () => {
  const long = "ё".repeat(65);
  const digests = await digestsOf([long, "😀".repeat(64)]);
  assert.equal(quoted("Pаris", digests), "'Pаris' (written in Cyrillic, Latin)");
  assert.equal(quoted("1\u0301👍", digests), "'1\\u{301}\\u{1f44d}' (written in signs)");
  assert.equal(quoted("😀".repeat(64), digests), `'${"\\u{1f600}".repeat(64)}' (written in signs)`);
  assert.match(
    quoted(long, digests),
    /^'ё{64}' \(the first 64 of 65 characters, sha256:[0-9a-f]{64}; written in Cyrillic\)$/,
  );
  assert.deepEqual(scripts("東京 ½ 5"), ["Cjk", "Vulgar"]);
  assert.equal(repr("O'Neill"), '"O\'Neill"');
  assert.equal(repr("a'\"\n\u0000\u00a0р"), "'a\\'\"\\n\\x00\\xa0р'");
  assert.throws(() => quoted("\ud800", digests), { name: "Unsupported" });
  assert.throws(() => quoted("\u{1fae8}", digests), { name: "Unsupported" });
});
