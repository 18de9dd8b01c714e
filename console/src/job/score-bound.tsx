import type { Certificate } from "../api/types";
import { BoundsTable } from "../certificate/bounds-table";
import { count, down, up } from "../digits";

export type ScoreClaim = NonNullable<Certificate["claims"]>[number];

/** What a certificate proves of a claim on a score: its bound, what ends it, and the bound for every size of attack. */
export function ScoreBound({ claim, across }: { claim: ScoreClaim; across: string }) {
  return (
    <>
      <p class="bound">{[...sentences(claim)].join(" ")}</p>
      {claim.curve.length > 0 && (
        <details>
          <summary>Its bound as attacks grow</summary>
          <BoundsTable across={across} rows={claim.curve.map(([size = 0, bound = 0]) => [down(size), safe(claim, bound)])} />
        </details>
      )}
    </>
  );
}

function* sentences(claim: ScoreClaim): Generator<string> {
  if (claim.bound !== null) yield `Bound: ${bounded(claim, claim.bound)}.`;
  if ("share" in claim) yield `At least ${down(100 * claim.share)} % of the edits give an output as asked.`;
  if ("broken_by" in claim && claim.broken_by !== null) yield `Run ${claim.broken_by} ends it.`;
  if (claim.failed > 0) yield `${count(claim.failed, "output")} had no score and counted as the worst.`;
}

function bounded(claim: ScoreClaim, bound: number): string {
  if (claim.of.startsWith("quantile:")) return `at most ${up(bound)} of the outputs lie beyond the limit`;
  return `a ${claim.of} of ${claim.at_most === undefined ? "at least" : "at most"} ${safe(claim, bound)}`;
}

/** Returns a bound of three digits, rounded to the side on which it still holds. */
const safe = (claim: ScoreClaim, bound: number): string =>
  claim.at_most === undefined && !claim.of.startsWith("quantile:") ? down(bound) : up(bound);
