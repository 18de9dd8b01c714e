import { count } from "../digits";
import type { Model } from "../api/types";
import { type Draft, passagesOf } from "./draft";
import { Field } from "./field";

interface Props {
  draft: Draft;
  model: Model;
  change: (changes: Partial<Draft>) => void;
}

/** What the model is to read: a prompt, or a question over passages. */
export function PromptFields({ draft, model, change }: Props) {
  const offered = model.mechanisms.includes("passages");
  return (
    <>
      {offered && (
        <fieldset class="switch">
          <legend>What the model reads</legend>
          <Side name="A prompt" picked={!draft.fromPassages} pick={() => change({ fromPassages: false })} />
          <Side name="A question over passages" picked={draft.fromPassages} pick={() => change({ fromPassages: true })} />
        </fieldset>
      )}
      {draft.fromPassages && (
        <Field
          id="passages"
          label="Passages"
          hint={`A blank line between two of them. ${count(passagesOf(draft.passages).length, "passage")}; each may be an attacker's.`}
        >
          <textarea
            id="passages"
            rows={8}
            value={draft.passages}
            aria-describedby="passages-hint"
            onInput={(event) => change({ passages: event.currentTarget.value })}
          />
        </Field>
      )}
      <Field id="prompt" label={draft.fromPassages ? "Question" : "Prompt"}>
        <textarea
          id="prompt"
          rows={3}
          value={draft.prompt}
          onInput={(event) => change({ prompt: event.currentTarget.value })}
        />
      </Field>
    </>
  );
}

function Side({ name, picked, pick }: { name: string; picked: boolean; pick: () => void }) {
  return (
    <label>
      <input type="radio" name="source" checked={picked} onChange={pick} />
      <span>{name}</span>
    </label>
  );
}
