/** Median smoothing: how far an attack can move the median of a noisy quantity (Chiang et al. 2020). */

import { RELATIVE_SLACK, roundDown } from "../numbers/decimal.js";
import { ndtri } from "../numbers/normal.js";
import { clopperPearsonUpper } from "./band.js";

/** How many events share alpha: the cell below is false, the cell above is false, or the radius is too large. */
export const EVENTS = 3;

/** Returns the largest ε for which both tails of the cell (lower, upper] are provably at most ½ under attack. */
export function medianCellRadius(
  drawn: readonly number[],
  lower: number | null,
  upper: number,
  sigma: number,
  alpha: number,
  slack: number,
): number {
  const [m, share] = [drawn.length, alpha / EVENTS];
  const above = tail(drawn.filter((s) => s > upper).length, m, share);
  const below = lower === null ? 0 : tail(drawn.filter((s) => s <= lower).length, m, share);
  const largest = Math.max(above, below) + slack;
  if (!(largest < 0.5 - slack)) return 0;
  const r = slack ? ndtri(0.5 - slack) - ndtri(largest) : -ndtri(largest);
  return roundDown(sigma * r * (1 - RELATIVE_SLACK));
}

function tail(count: number, m: number, alpha: number): number {
  return count === m ? 1 : clopperPearsonUpper(count, m, alpha);
}
