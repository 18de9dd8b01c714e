import type { Certificate, Job } from "../api/types";
import { Statement } from "../certificate/statement";
import { count, down } from "../digits";
import { unitOf } from "./across";
import { ScoreBound } from "./score-bound";

/** What is proven, in one sentence a claim, and the certificate's own statement. */
export function Claims({ job }: { job: Job }) {
  const { decision, certificate, abstention } = job;
  const claims = decision ? (decision.claims ?? [decision]) : [];
  if (job.status !== "succeeded") return null;
  const bounds = certificate?.claims ?? [];
  const own = claims.length - bounds.length; // the claim on the distribution comes first, where it was asked
  return (
    <section class="claims" aria-labelledby="claims-title">
      <h3 id="claims-title">What is proven</h3>
      <ul>
        {claims.map((claim, place) => {
          const bound = bounds[place - own];
          return (
            <li class={claim.holds ? "holds" : "broken"}>
              <span class="verdict">{claim.holds ? "Holds" : "Not proven"}</span> {sentence(claim, job)}
              {certificate && bound && <ScoreBound claim={bound} certificate={certificate} />}
            </li>
          );
        })}
        {claims.length === 0 && !certificate && (
          <li class="broken">
            <span class="verdict">Not proven</span> The server abstains.
          </li>
        )}
      </ul>
      {abstention && (
        <p class="statement">
          <strong>The server abstains</strong>: it proves less than was asked. {capital(abstention.detail)}.
        </p>
      )}
      {certificate && (
        <>
          <Statement text={certificate.statement} />
          <Scale job={job} />
        </>
      )}
    </section>
  );
}

/** Lengths that say how large the radius is. */
function Scale({ job: { scale } }: { job: Job }) {
  const lengths = [
    scale?.nearest_cost != null && `the nearest other prompt takes ${down(scale.nearest_cost)}`,
    scale?.nearest_synonym != null && `the nearest synonym takes ${down(scale.nearest_synonym)}`,
    scale?.noise_norm != null && `the noise itself has a norm of about ${down(scale.noise_norm)}`,
  ].filter(Boolean);
  return lengths.length > 0 ? <p class="hint">For scale: {lengths.join(", ")}.</p> : null;
}

interface Claim {
  claim: string;
  holds: boolean;
  radius?: number | null;
  wanted?: number | null;
}

function sentence(claim: Claim, job: Job): string {
  const said = capital(claim.claim);
  if (claim.holds) return `${said}${reach(claim.radius, job.certificate)}.`;
  const wanted = claim.wanted == null ? "" : `, under attacks of the wanted size ${claim.wanted}`;
  const proven = claim.radius ? ` It is proven up to ${down(claim.radius)}.` : "";
  return `${said}${wanted}.${proven}`;
}

/** Returns against what a claim holds. An infinite radius is null in a document. */
function reach(radius: number | null | undefined, certificate: Certificate | null | undefined): string {
  switch (certificate?.method) {
    case "exhaustive/v1":
      return radius == null ? ", under every attack" : `, under every attack of a norm below ${down(radius)}`;
    case "units/v1":
      return `, with up to ${count(radius ?? 0, `altered ${unitOf(certificate)}`)}`;
    case "edits/v1":
      return radius == null ? "" : `, with up to ${count(radius, "edit")}`;
    default:
      return radius == null ? "" : `, under every attack of a norm up to ${down(radius)}`;
  }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
