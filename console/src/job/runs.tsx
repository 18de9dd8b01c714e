import { neighbours } from "../api/client";
import type { Certificate, Job, Neighbours } from "../api/types";
import { useAsked } from "../asked";
import { count, down } from "../digits";
import { Picture } from "./picture";

type Run = Neighbours["neighbours"][number];

/** The runs behind a certificate without noise: what would break it, then all of them, nearest first. */
export function Runs({ job, certificate }: { job: Job; certificate: Certificate }) {
  const id = job.id;
  const { answer, refusal } = useAsked(() => neighbours(id), [id]);
  const ofUnits = certificate.method === "units/v1";
  const pictured = new Set(answer?.pictures ?? []);
  return (
    <section class="runs" aria-labelledby="runs-title">
      <h3 id="runs-title">What would break it</h3>
      {job.broken_by ? <Breaking run={job.broken_by} counted={certificate.method === "edits/v1"} /> : <p>{unbroken(certificate, answer)}</p>}
      {refusal && <p class="refusal">{refusal}</p>}
      {answer && (
        <details open={answer.neighbours.length <= 12}>
          <summary>
            {count(answer.runs, "run")}, of which {answer.changed} changed the answer
          </summary>
          <div class="wide" tabIndex={0} role="region" aria-label="Runs">
            <table>
              <thead>
                <tr>
                  <th scope="col">run</th>
                  <th scope="col">{ofUnits ? "read" : "prompt"}</th>
                  <th scope="col">output</th>
                  {!ofUnits && (
                    <th scope="col" class="number">
                      {answer.mechanism === "edits" ? "edits" : "norm"}
                    </th>
                  )}
                  <th scope="col">answer</th>
                </tr>
              </thead>
              <tbody>
                {answer.neighbours.map((run) => (
                  <tr class={run.changed ? "changed" : undefined}>
                    <th scope="row">{run.rank}</th>
                    <td>{run.text == null ? <em>no longer kept</em> : ofUnits ? `no. ${run.text}` : <q>{run.text}</q>}</td>
                    <td>
                      {pictured.has(run.rank) ? (
                        <Picture path={`/certificates/${id}/neighbours/${run.rank}/picture`} words={`Run ${run.rank}`} />
                      ) : (
                        run.output?.trim()
                      )}
                    </td>
                    {!ofUnits && <td class="number">{down(run.cost)}</td>}
                    <td>{run.changed ? "changed" : "same"}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </section>
  );
}

function Breaking({ run, counted }: { run: Run; counted: boolean }) {
  const typed = run.writable === false ? " Nobody can type it: only an attack on the numbers reaches it." : "";
  return (
    <p>
      The nearest one that breaks it{run.text ? <> is <q>{run.text}</q></> : " is no longer kept"}
      {run.output?.trim() ? <>, which gives <q>{run.output.trim()}</q></> : ""}.{" "}
      {counted ? `It takes ${count(run.cost, "edit")}.` : `An attack must have a norm of at least ${down(run.cost)} to reach it.`}
      {typed}
    </p>
  );
}

function unbroken(certificate: Certificate, runs: Neighbours | undefined): string {
  if (certificate.method === "units/v1") {
    return runs?.changed
      ? "The runs marked “changed” gave another answer. What only they read may be the harmful part."
      : "No run changed the answer.";
  }
  const end = runs?.next_cost == null ? "" : ` From ${down(runs.next_cost)} on nothing was run, so nothing is known there.`;
  return `Nothing that was run breaks it.${end}`;
}
