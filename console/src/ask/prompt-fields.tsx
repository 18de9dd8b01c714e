import type { Model } from "../api/types";
import { AttackedTurns, EarlierTurns } from "./conversation-fields";
import type { Draft, Source } from "./draft";
import { Field } from "../form/field";
import { PassagesField } from "../form/passages-field";

interface Props {
  draft: Draft;
  model: Model;
  change: (changes: Partial<Draft>) => void;
}

const SOURCES: Record<Source, string> = {
  prompt: "A prompt",
  passages: "A question over passages",
  conversation: "A conversation",
};
const PROMPTS: Record<Source, string> = {
  prompt: "Prompt",
  passages: "Question",
  conversation: "The last turn, which the user says",
};

/** What the model is to read: a prompt, a question over passages, or a conversation. */
export function PromptFields({ draft, model, change }: Props) {
  const { source } = draft;
  const offered: Source[] = ["prompt"];
  if (model.mechanisms.includes("passages")) offered.push("passages");
  if (model.chat) offered.push("conversation");
  return (
    <>
      {offered.length > 1 && (
        <fieldset class="switch">
          <legend>What the model reads</legend>
          {offered.map((each) => (
            <label>
              <input type="radio" name="source" checked={source === each} onChange={() => change({ source: each })} />
              <span>{SOURCES[each]}</span>
            </label>
          ))}
        </fieldset>
      )}
      {source === "passages" && (
        <PassagesField
          id="passages"
          label="Passages"
          says="each may be an attacker's"
          value={draft.passages}
          change={(passages) => change({ passages })}
        />
      )}
      {source === "conversation" && <EarlierTurns draft={draft} change={change} />}
      <Field id="prompt" label={PROMPTS[source]}>
        <textarea
          id="prompt"
          rows={3}
          value={draft.prompt}
          onInput={(event) => change({ prompt: event.currentTarget.value })}
        />
      </Field>
      {source === "conversation" && <AttackedTurns draft={draft} change={change} />}
    </>
  );
}
