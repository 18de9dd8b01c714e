/** Checks that documents of every method without noise have. */

import type { Check } from "./verdict.js";

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
