import type { Certificate } from "../api/types";
import { BoundsTable } from "../certificate/bounds-table";
import { count, down, up } from "../digits";
import { acrossOf, unitOf } from "./across";

export type ScoreClaim = NonNullable<Certificate["claims"]>[number];

/** What a certificate proves of a claim on a score: its bound, what ends it, and the bound for every size of attack. */
export function ScoreBound({ claim, certificate }: { claim: ScoreClaim; certificate: Certificate }) {
  return (
    <>
      <p class="bound">{[...sentences(claim, certificate)].join(" ")}</p>
      {claim.curve.length > 0 && (
        <details>
          <summary>Its bound as attacks grow</summary>
          <BoundsTable across={acrossOf(certificate)} rows={claim.curve.map(([size = 0, bound = 0]) => [down(size), safe(claim, bound)])} />
        </details>
      )}
    </>
  );
}

function* sentences(claim: ScoreClaim, certificate: Certificate): Generator<string> {
  if (claim.bound !== null) yield `Bound ${attacksOf(claim, certificate)}: ${bounded(claim, claim.bound)}.`;
  if ("share" in claim) yield `At least ${down(100 * claim.share)} % of the edits give an output as asked.`;
  if ("broken_by" in claim && claim.broken_by !== null) yield `Run ${claim.broken_by} ends it.`;
  if (claim.failed > 0) yield `${count(claim.failed, "output")} had no score and counted as the worst.`;
}

/** Returns under which attacks the bound of a claim holds: those asked for, else those up to the claim's radius. */
function attacksOf(claim: ScoreClaim, certificate: Certificate): string {
  if (certificate.method === "edits/v1") return `with up to ${count(claim.curve.at(-1)?.[0] ?? 0, "edit")} at once`;
  if (certificate.method === "units/v1") {
    const altered = certificate.altered ?? claim.radius ?? 0;
    return altered === 0 ? "without an attack" : `with up to ${count(altered, `altered ${unitOf(certificate)}`)}`;
  }
  const { epsilon } = certificate;
  if (certificate.method === "exhaustive/v1" && epsilon === null && claim.radius !== 0) {
    return claim.radius === null ? "under every attack" : `under every attack of a norm below ${down(claim.radius)}`;
  }
  const norm = epsilon ?? claim.radius ?? 0;
  return norm === 0 ? "without an attack" : `under every attack of a norm up to ${down(norm)}`;
}

function bounded(claim: ScoreClaim, bound: number): string {
  if (claim.of.startsWith("quantile:")) return `at most ${up(bound)} of the outputs lie beyond the limit`;
  return `a ${claim.of} of ${claim.at_most === undefined ? "at least" : "at most"} ${safe(claim, bound)}`;
}

/** Returns a bound of three digits, rounded to the side on which it still holds. */
const safe = (claim: ScoreClaim, bound: number): string =>
  claim.at_most === undefined && !claim.of.startsWith("quantile:") ? down(bound) : up(bound);
