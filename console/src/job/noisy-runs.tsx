import { noisySamples } from "../api/client";
import { Refusal } from "../api/refusal";
import type { Job, NoisyOutputs } from "../api/types";
import { useAsked } from "../asked";
import { count } from "../digits";
import { Picture } from "./picture";

const MOST_ROWS = 20;

/** Noisy outputs beside the one that is served: a sheet of pictures, and texts where all were kept. */
export function NoisyRuns({ id, picture, ended }: { id: string; picture: boolean; ended?: Job }) {
  const noised = !ended?.certificate || ended.certificate.method === "spread/v2";
  if (!noised) return null;
  return picture ? <Sheet id={id} /> : <Texts id={id} ended={ended !== undefined} />;
}

function Sheet({ id }: { id: string }) {
  return (
    <section class="sheet" aria-labelledby="sheet-title">
      <h3 id="sheet-title">What the noise makes of it</h3>
      <Picture path={`/jobs/${id}/samples`} words="A sheet of pictures drawn for the same prompt, each under other noise" />
      <p class="hint">The noisy samples that chose the output. They illustrate; the certificate rests on others.</p>
    </section>
  );
}

function Texts({ id, ended }: { id: string; ended: boolean }) {
  // Jobs that did not ask for all samples have none: that is no failure to tell of.
  const { answer } = useAsked(
    () => noisySamples(id).catch((error: unknown) => (error instanceof Refusal ? undefined : Promise.reject(error))),
    [id, ended],
  );
  if (!answer) return null;
  const counted = tally(answer);
  return (
    <section class="noisy" aria-labelledby="noisy-title">
      <h3 id="noisy-title">What the noise makes of it</h3>
      <p>
        {count(answer.outputs.length, "noisy output")}, {counted.length} of them different.
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col" class="number">
              times
            </th>
            <th scope="col">output</th>
          </tr>
        </thead>
        <tbody>
          {counted.slice(0, MOST_ROWS).map(([text, times]) => (
            <tr>
              <td class="number">{times}</td>
              <td>{text}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {counted.length > MOST_ROWS && <p class="hint">The {MOST_ROWS} most frequent are shown.</p>}
    </section>
  );
}

/** Returns the different texts with how often each came, the most frequent first. */
function tally({ outputs }: NoisyOutputs): [string, number][] {
  const times = new Map<string, number>();
  for (const { text, failure } of outputs) {
    const told = text ?? `failed: ${failure ?? "no reason given"}`;
    times.set(told, (times.get(told) ?? 0) + 1);
  }
  return [...times].sort((a, b) => b[1] - a[1]);
}
