/** The public grid of a fleet, which looks there are, and upper limits on an average probability. */

import { clopperPearsonUpper } from "../bounds/band.js";
import { RELATIVE_SLACK } from "../numbers/decimal.js";

export const GRID = "fleet-grid/v1";
/** t₀ = 0 < t₁ < … < 1, fractions of the diameter: what the grid's name means. */
export const FRACTIONS: readonly number[] = [
  ...[0.0, 0.001, 0.00147, 0.00217, 0.00319, 0.0047, 0.00692, 0.0102, 0.015, 0.0163, 0.0177, 0.0193, 0.021, 0.0228],
  ...[0.0248, 0.027, 0.0293, 0.0319, 0.0347, 0.0377, 0.041, 0.0446, 0.0485, 0.0528, 0.0574, 0.0624, 0.0678, 0.0738],
  ...[0.0802, 0.0872, 0.0949, 0.103, 0.112, 0.122, 0.133, 0.144, 0.157, 0.171, 0.186, 0.202, 0.219, 0.239, 0.259],
  ...[0.282, 0.307, 0.334, 0.363, 0.395, 0.429, 0.467, 0.507, 0.552, 0.6, 0.659, 0.724, 0.795, 0.874, 0.96],
];
/** Looks at a running window, at its first 2^0, 2^1, … 2^29 requests. */
export const LOOKS = 30;

/** Returns what one look spends of a window's alpha: half for the closed window, an equal part of the rest otherwise. */
export function lookAlpha(alpha: number, closed: boolean): number {
  return closed ? alpha / 2 : alpha / 2 / LOOKS;
}

/**
 * Returns an upper limit on the average of the probabilities of N independent events, `count` of which happened: the
 * greater of Clopper & Pearson's limit and (count + 1)/N (Hoeffding 1956), at most 1.
 */
export function exceedanceLimit(count: number, requests: number, alpha: number): number {
  if (count + 1 >= requests) return 1;
  return Math.min(
    1,
    Math.max(clopperPearsonUpper(count, requests, alpha), ((count + 1) / requests) * (1 + RELATIVE_SLACK)),
  );
}
