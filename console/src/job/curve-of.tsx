import { Curve } from "../certificate/curve";
import type { Job } from "../api/types";

/** The curve of a job's certificate, or of what an abstention proves. */
export function CurveOf({ job }: { job: Job }) {
  const { certificate, abstention } = job;
  if (certificate) {
    const counted = certificate.method === "units/v1" || certificate.method === "edits/v1";
    return (
      <Curve
        points={certificate.curve}
        radius={certificate.radius}
        tolerance={certificate.tolerance}
        kind={certificate.method === "exhaustive/v1" ? "steps" : counted ? "counts" : "line"}
        across={counted ? (certificate.method === "edits/v1" ? "edits at once" : "altered passages or words") : "norm of the attack"}
      />
    );
  }
  if (!abstention?.curve.length) return null;
  return (
    <Curve
      points={abstention.curve}
      radius={job.decision?.radius ?? null}
      tolerance={null}
      kind="line"
      across="norm of the attack"
      wanted={job.decision?.wanted ?? undefined}
    />
  );
}
