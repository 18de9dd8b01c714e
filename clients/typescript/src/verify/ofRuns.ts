/** What documents of every method without noise are held to alike. */

import { Invalid, type Check } from "./verdict.js";

/** Throws Invalid unless the tolerance lies strictly between 0 and the diameter. */
export function requireTolerance(tolerance: number, diameter: number): void {
  if (!(tolerance > 0 && tolerance < diameter))
    throw new Invalid(`tolerance must lie in (0, diameter), got ${tolerance}`);
}

/** Throws Invalid for a share to be kept that is none, and where the runs compare no answers. keep: null for none. */
export function requireKeptWhole(keep: number | null, distances: readonly number[], diameter: number): void {
  if (keep === null) return;
  if (!(keep > 0 && keep < 1)) throw new Invalid("keep must lie strictly between 0 and 1");
  const stray = distances.find((distance) => distance > 0 && distance < diameter);
  if (stray !== undefined) throw new Invalid("keep is about an answer, whose distances are 0 or the diameter");
}

/** Returns the check that what is stated is what the evidence gives. */
export function same(name: string, said: unknown, follows: unknown): Check {
  const [states, gives] = [text(said), text(follows)];
  const passed = states === gives;
  const shown = `states ${states.slice(0, 200)}, the evidence gives ${gives.slice(0, 200)}`;
  return { name, passed, detail: passed ? "follows from the evidence" : shown };
}

/** Returns a value as text in which an infinite number is none other's, and −0 is 0. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (inner === Infinity ? "no limit" : inner));
}
