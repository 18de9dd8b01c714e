import type { Job } from "../api/types";
import { count, duration } from "../digits";

/** What the job was and cost, as a list of names and values. */
export function Facts({ job }: { job: Job }) {
  const { certificate, usage } = job;
  const facts: [string, string | undefined | null | false][] = [
    ["Model", job.model.name],
    ["Confidence", certificate && (certificate.confidence === 1 ? "certain: nothing is left to chance" : `${certificate.confidence}`)],
    ["What is attacked", certificate && "threat" in certificate && certificate.threat?.attack_on],
    ["Held fixed, not protected", certificate && "threat" in certificate && certificate.threat?.held_fixed.join("; ")],
    ["Agreement", job.agreement && `${job.agreement.of} of ${count(job.agreement.runs, "run")} gave “${job.agreement.answer ?? "no answer"}”`],
    ["Counted in the fleet", job.fleet && job.fleet.windows.map((window) => window.replace(":", " ")).join(", ")],
    ["Cost", usage && `${count(usage.overhead, "model run")}, ${duration(usage.device_s)} of computing`],
    ["Job", job.id],
  ];
  return (
    <details class="facts">
      <summary>About this job</summary>
      <dl>
        {facts.map(
          ([name, value]) =>
            value && (
              <div>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
    </details>
  );
}
