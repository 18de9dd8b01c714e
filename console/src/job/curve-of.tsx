import type { Certificate, Job } from "../api/types";
import { Curve } from "../certificate/curve";

const NORM = "norm of the attack";

/** The curve of a job's certificate, or of what an abstention proves. */
export function CurveOf({ job: { certificate, abstention, decision } }: { job: Job }) {
  if (certificate) {
    const { curve, radius, tolerance } = certificate;
    return <Curve points={curve} radius={radius} tolerance={tolerance} {...drawn(certificate)} />;
  }
  if (!abstention?.curve.length) return null;
  const [radius, wanted] = [decision?.radius ?? null, decision?.wanted ?? undefined];
  return <Curve points={abstention.curve} radius={radius} tolerance={null} kind="line" across={NORM} wanted={wanted} />;
}

/** Returns how the bounds of a certificate's method lie between its points, and what they grow with. */
function drawn(certificate: Certificate) {
  switch (certificate.method) {
    case "exhaustive/v1":
      return { kind: "steps", across: NORM } as const;
    case "edits/v1":
      return { kind: "counts", across: "edits at once" } as const;
    case "units/v1":
      return { kind: "counts", across: `altered ${certificate.threat?.attack_on ?? "units"}` } as const;
    default:
      return { kind: "line", across: NORM } as const;
  }
}
