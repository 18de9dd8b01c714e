/** The public grid on which a noisy number reaches the generator (docs/theory/numerics.md of the project). */

const STEP_BITS = 16;
const UNIT = 2 ** -53;
const QUANTILE_ERROR = 2e-15;

/** Returns the grid's step for noise of level sigma: the smallest power of two ≥ 2⁻¹⁶·σ. */
export function gridStep(sigma: number): number {
  let exponent = Math.ceil(Math.log2(sigma)) + 1;
  while (2 ** (exponent - 1) >= sigma) exponent -= 1;
  return 2 ** (exponent - STEP_BITS);
}

/** Returns how far, in total variation, one number on the grid is at most from ideal noise rounded to it. */
export function slackPerNumber(sigma: number): number {
  const s = sigma / gridStep(sigma);
  const error = QUANTILE_ERROR + 3 * UNIT;
  const carried = error * (0.8 * s + 0.5) + UNIT;
  return ((17 * s + 3) * UNIT + carried) * (1 + 1e-9);
}
