import type { Certificate, PromptCover } from "../api/types";
import { count, down, up } from "../digits";

/** What a certificate says of another prompt or other passages: covered or not, why, and what holds there. */
export function CoverAnswer({ told, certificate }: { told: PromptCover; certificate: Certificate }) {
  return (
    <>
      <p class={told.inside ? "holds" : "broken"}>{sentence(told, certificate)}</p>
      {told.notes?.map((note) => <p class="note">{note.detail}</p>)}
    </>
  );
}

function sentence(told: PromptCover, certificate: Certificate): string {
  if (!told.comparable) return `Not covered: ${told.reason ?? "it cannot be compared"}.`;
  const bound = told.w1_bound == null ? "" : ` Its outputs differ by at most ${up(told.w1_bound)} in Wasserstein-1.`;
  const share = told.least_share == null ? "" : ` The answer keeps at least ${down(100 * told.least_share)} % of the runs there.`;
  return `${told.inside ? "Covered" : "Not covered"}: ${place(told, certificate)}.${share || bound}`;
}

/** Returns how far away it lies, and how far the certificate reaches. */
function place(told: PromptCover, certificate: Certificate): string {
  if (told.altered != null && "threat" in certificate && certificate.threat) {
    const unit = certificate.threat.attack_on.replace(/s$/, "");
    return `${count(told.altered, unit)} ${told.altered === 1 ? "differs" : "differ"}, and the claim holds with up to ${certificate.radius ?? 0} of them altered`;
  }
  const radius = certificate.radius == null ? "the radius has no end" : `the radius is ${down(certificate.radius)}`;
  return told.inside
    ? `an attack of norm ${up(told.distance ?? 0)} leads there, and ${radius}`
    : `${outside(told)}, and ${radius}`;
}

/** Returns why a prompt lies outside. The server gives no distance where it only knows that a prompt lies far away. */
const outside = ({ distance, reason }: PromptCover): string =>
  distance == null
    ? (reason ?? "it lies farther away than the server looks")
    : `an attack must have a norm of at least ${down(distance)} to lead there`;
