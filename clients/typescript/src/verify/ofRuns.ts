/** What documents of every method without noise are held to alike. */

import type { Series } from "./exhaustive/evidence.js";
import { sha256 } from "./json/canonical.js";
import type { AskedClaim } from "./scores/asked.js";
import { isKnownScore } from "./scores/words.js";
import { digestCheck } from "./spread/verify.js";
import { Invalid, verdictOf, type Check, type Verification } from "./verdict.js";

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

/** Returns the checks of what a claim states twice: its failed runs, and the digest of its series. */
export async function seriesChecks(
  name: string,
  { statedFailed, series }: { readonly statedFailed: number; readonly series: Series },
): Promise<Check[]> {
  const failed = series.values.filter((bad) => bad === Infinity).length;
  return [
    same(`${name}.failed`, statedFailed, failed),
    digestCheck(`${name}.evidence`, series.statedDigest, await sha256(series.bytes)),
  ];
}

/** Returns the verdict on a document of runs. unknown: why its words do not fix what its numbers mean, or null. */
export function verdictOfRuns(
  checks: readonly Check[],
  unknown: string | null,
  claims: readonly { readonly asked: AskedClaim }[],
): Verification {
  const known = unknown === null && claims.every((claim) => isKnownScore(claim.asked.score));
  const unchecked = ["measurement", "completeness", ...(known ? [] : ["meaning"])];
  return verdictOf(checks, known ? "checked" : "not checked", unchecked);
}

/** Returns a value as text in which an infinite number is none other's, and −0 is 0. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (inner === Infinity ? "no limit" : inner));
}
