import { useEffect, useRef } from "preact/hooks";

import { CertificateActions } from "../certificate/actions";
import { Claims } from "./claims";
import { Covers } from "./covers";
import { CurveOf } from "./curve-of";
import { Facts } from "./facts";
import { NoisyRuns } from "./noisy-runs";
import { OutputCard } from "./output-card";
import { Progressing } from "./progressing";
import { Runs } from "./runs";
import { useJob } from "./use-job";

/** One job: its output as soon as there is one, what is proven of it, and what would break that. */
export function JobPanel({ id }: { id: string }) {
  const job = useJob(id);
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), [id]); // whoever sent it by keyboard is where the answer comes
  const { ended, output } = job;
  const certificate = ended?.certificate;
  return (
    <article class="job" aria-labelledby="job-title">
      <h2 id="job-title" tabIndex={-1} ref={title}>
        The answer
      </h2>
      <Progressing id={id} job={job} />
      {output && <OutputCard output={output} job={ended} />}
      {ended && <Claims job={ended} />}
      {ended && <CurveOf job={ended} />}
      {certificate && certificate.method !== "spread/v2" && <Runs job={ended} certificate={certificate} />}
      {output && <NoisyRuns id={id} picture={output.type === "image"} ended={ended} />}
      {certificate && ended && (
        <>
          <Covers id={id} certificate={certificate} />
          <CertificateActions certificate={certificate} signature={ended.signature ?? ""} />
        </>
      )}
      {ended && <Facts job={ended} />}
    </article>
  );
}
