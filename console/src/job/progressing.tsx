import { useState } from "preact/hooks";

import { cancel } from "../api/client";
import { reason } from "../api/refusal";
import { count, down } from "../digits";
import type { Followed } from "./use-job";

/** How the job stands, as one sentence, with the way to end it. */
export function Progressing({ id, job }: { id: string; job: Followed }) {
  const [refusal, setRefusal] = useState("");
  const running = !job.ended && !job.refusal;
  const { done = 0, total = 0 } = job.progress ?? {};
  return (
    <div class="progressing">
      <p role="status">{sentence(job)}</p>
      {running && total > 0 && <progress aria-label="Model runs done" value={done} max={total} />}
      {running && (
        <button type="button" class="quiet" onClick={() => cancel(id).catch((error) => setRefusal(reason(error)))}>
          Cancel
        </button>
      )}
      {(job.refusal || refusal) && (
        <p role="alert" class="refusal">
          {job.refusal ?? refusal}
        </p>
      )}
    </div>
  );
}

function sentence({ ended, progress, lost, refusal }: Followed): string {
  if (refusal) return "";
  if (lost) return "The connection to the server is lost. The job goes on there; trying again every 2 s.";
  if (!ended) {
    if (!progress || progress.done === 0) return "Waiting for a worker.";
    const proven = progress.radius ? ` So far a radius of ${down(progress.radius)} is proven.` : "";
    return `${progress.done.toLocaleString("en")} of at most ${count(progress.total, "run")} done.${proven}`;
  }
  switch (ended.status) {
    case "cancelled":
      return "The job was cancelled. Nothing is certified.";
    case "failed":
      return `The job failed: ${ended.error?.detail ?? "the server did not say why"}.`;
    default:
      return ended.usage ? `Done after ${count(ended.usage.overhead, "model run")}.` : "Done.";
  }
}
