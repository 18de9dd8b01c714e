/** The search for the certified radius: the largest epsilon whose printed bound is within the tolerance. */

import { LARGEST_SHIFT_IN_SIGMAS } from "../mechanisms/mechanism.js";
import { roundDown } from "../numbers/decimal.js";
import type { BoundCurve } from "./shiftBounds.js";
import { totalVariationRadius } from "./theorems.js";

export const LARGEST_RADIUS_IN_SIGMAS = LARGEST_SHIFT_IN_SIGMAS / 2;
const STEPS_BELOW_ROOT = [1e-11, 1e-10, 1e-9, 1e-8, 1e-7];
const STEPS_BELOW_SOLUTION = [0, 1e-12, 1e-9, 1e-6, 1e-3];

/** Returns ε_c. The bound is the smaller of increasing ones, so the radius is the largest of theirs. */
export function certifiedRadius(curve: BoundCurve, tolerance: number, sampled: boolean): number {
  const radius = sampled ? safeRadius(curve, tolerance) : universalRadius(curve, tolerance);
  const { lipschitz, reach } = curve.bounds;
  return lipschitz === null ? radius : Math.max(radius, Math.min(lipschitz.radius(tolerance), reach));
}

function safeRadius(curve: BoundCurve, tolerance: number): number {
  const { mechanism, reach, diameter } = curve.bounds;
  const proven = (epsilon: number): boolean => curve.printed(roundDown(epsilon)) <= tolerance;
  let high = Math.min(mechanism.epsilon(LARGEST_RADIUS_IN_SIGMAS), reach);
  const ideal = curve.bounds.idealShare(tolerance) / diameter;
  let low = Math.min(high, mechanism.epsilon(totalVariationRadius(ideal) * (1 - 1e-7)));
  if (proven(high)) return roundDown(high);
  while (low > 0 && !proven(low)) low /= 2;
  if (low === 0) return 0;
  while (2 * low < high && proven(2 * low)) low *= 2;
  high = Math.min(high, 2 * low);
  const excess = (factor: number): number => curve.at(factor * low) / tolerance - 1;
  const top = high / low;
  if (excess(1) < 0 && excess(top) > 0) {
    const root = solved(excess, 1, top);
    for (const step of STEPS_BELOW_ROOT) {
      if (proven(low * (root - step))) return roundDown(low * (root - step));
    }
  }
  for (let k = 0; k < 40; k++) {
    const middle = (low + high) / 2;
    if (proven(middle)) low = middle;
    else high = middle;
  }
  return roundDown(low);
}

/**
 * Returns the zero of an increasing function between two ends of opposite sign, to 10⁻¹³: regula falsi in the Illinois
 * variant, and a bisection wherever that has not halved the bracket in three steps.
 */
function solved(f: (x: number) => number, from: number, to: number): number {
  let [a, fa, b, fb] = [from, f(from), to, f(to)];
  let [kept, width] = [0, b - a];
  for (let step = 1; step <= 200 && b - a > 1e-13 * b; step++) {
    const stuck = step % 3 === 0 && b - a > width / 2;
    if (step % 3 === 0) width = b - a;
    let x = stuck ? (a + b) / 2 : (a * fb - b * fa) / (fb - fa);
    if (!(x > a && x < b)) x = (a + b) / 2;
    const fx = f(x);
    if (fx === 0) return x;
    if (fx < 0) {
      [a, fa] = [x, fx];
      if (kept === -1) fb /= 2;
      kept = -1;
    } else {
      [b, fb] = [x, fx];
      if (kept === 1) fa /= 2;
      kept = 1;
    }
  }
  return (a + b) / 2;
}

/** Returns the radius where T1 is the whole bound: solved in closed form, then checked against the printed bound. */
function universalRadius(curve: BoundCurve, tolerance: number): number {
  const { mechanism, reach, diameter } = curve.bounds;
  const within = curve.bounds.idealShare(roundDown(tolerance)) * (1 - 1e-12);
  const epsilon = mechanism.epsilon(totalVariationRadius(within / diameter));
  for (const step of STEPS_BELOW_SOLUTION) {
    const candidate = Math.min(roundDown(epsilon * (1 - step)), reach);
    if (curve.printed(candidate) <= tolerance) return candidate;
  }
  return 0;
}
