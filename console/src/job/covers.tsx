import { useState } from "preact/hooks";

import { covers } from "../api/client";
import { reason } from "../api/refusal";
import type { Certificate, PromptCover } from "../api/types";
import { down, up } from "../digits";

/** Asks what the certificate says of another prompt. Those of edits and passages compare no prompts. */
export function Covers({ id, certificate }: { id: string; certificate: Certificate }) {
  const [prompt, setPrompt] = useState("");
  const [told, setTold] = useState<PromptCover>();
  const [refusal, setRefusal] = useState("");
  if (certificate.method === "units/v1" || certificate.method === "edits/v1") return null;
  const ask = async (event: Event) => {
    event.preventDefault();
    setTold(undefined);
    setRefusal(prompt.trim() ? "" : "Write a prompt to compare first.");
    if (!prompt.trim()) return;
    try {
      setTold((await covers(id, prompt)).answers[0]);
    } catch (error) {
      setRefusal(reason(error));
    }
  };
  return (
    <section class="covers" aria-labelledby="covers-title">
      <h3 id="covers-title">Does it cover a paraphrase?</h3>
      <form onSubmit={ask}>
        <label for="paraphrase">Another prompt, in other words</label>
        <div class="row">
          <input id="paraphrase" type="text" value={prompt} onInput={(event) => setPrompt(event.currentTarget.value)} />
          <button type="submit">Check</button>
        </div>
      </form>
      <div role="status">
        {told && <p class={told.inside ? "holds" : "broken"}>{sentence(told, certificate)}</p>}
        {told?.notes?.map((note) => <p class="note">{note.detail}</p>)}
      </div>
      <p role="alert" class="refusal">
        {refusal}
      </p>
    </section>
  );
}

function sentence(told: PromptCover, certificate: Certificate): string {
  if (!told.comparable) return `Not covered: ${told.reason ?? "it cannot be compared"}.`;
  const radius = certificate.radius == null ? "no end" : down(certificate.radius);
  const bound = told.w1_bound == null ? "" : ` Its outputs differ by at most ${up(told.w1_bound)} in Wasserstein-1.`;
  return told.inside
    ? `Covered: an attack of norm ${up(told.distance ?? 0)} leads there, and the radius is ${radius}.${bound}`
    : `Not covered: ${outside(told)}, and the radius is ${radius}.${bound}`;
}

/** Returns why a prompt lies outside. The server gives no distance where it only knows that a prompt lies far away. */
const outside = ({ distance, reason }: PromptCover): string =>
  distance == null
    ? (reason ?? "it lies farther away than the server looks")
    : `an attack must have a norm of at least ${down(distance)} to lead there`;
