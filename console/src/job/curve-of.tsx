import type { Certificate, Job } from "../api/types";
import { Curve } from "../certificate/curve";
import { acrossOf, NORM } from "./across";


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
  const across = acrossOf(certificate);
  switch (certificate.method) {
    case "exhaustive/v1":
      return { kind: "steps", across } as const;
    case "edits/v1":
    case "units/v1":
      return { kind: "counts", across } as const;
    default:
      return { kind: "line", across } as const;
  }
}
