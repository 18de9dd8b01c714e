import { useState } from "preact/hooks";

import { submit } from "../api/client";
import { reason } from "../api/refusal";
import type { Model } from "../api/types";
import { AnswerFields, BudgetFields } from "./budget-fields";
import { type Draft, EMPTY, hindrance, requestOf } from "./draft";
import { examplesFor } from "./examples";
import { ClaimFields } from "./claim-fields";
import { Choice } from "../form/field";
import { PlanNote } from "./plan-note";
import { PromptFields } from "./prompt-fields";

/** The form that a request is written in. sent: told the id of the job that was accepted. */
export function AskForm({ models, sent }: { models: Model[]; sent: (id: string) => void }) {
  const [draft, setDraft] = useState<Draft>({ ...EMPTY, model: models[0]?.id ?? "" });
  const [refusal, setRefusal] = useState("");
  const [sending, setSending] = useState(false);
  // A refusal is about the draft that was sent, so every change of the draft removes it.
  const begin = (example: Draft) => {
    setDraft(example);
    setRefusal("");
  };
  const change = (changes: Partial<Draft>) => {
    setDraft((before) => ({ ...before, ...changes }));
    setRefusal("");
  };
  const model = models.find((each) => each.id === draft.model);
  if (!model) return <p class="refusal">No model is served. Start a worker, then load this page again.</p>;

  const send = async (event: Event) => {
    event.preventDefault();
    const missing = hindrance(draft);
    setRefusal(missing ?? "");
    if (missing || sending) return;
    setSending(true);
    try {
      sent((await submit(requestOf(draft, model), newKey())).id);
    } catch (error) {
      setRefusal(reason(error));
    } finally {
      setSending(false);
    }
  };
  // Another model has other metrics and mechanisms: what was chosen of the first does not carry over.
  const choose = (id: string) => change({ ...EMPTY, model: id, prompt: draft.prompt });
  return (
    <form class="ask" onSubmit={send}>
      <p class="examples">
        <span id="examples">Begin with</span>
        {examplesFor(models).map((example) => (
          <button type="button" class="quiet" aria-describedby="examples" onClick={() => begin(example.draft)}>
            {example.name}
          </button>
        ))}
      </p>
      <Choice
        id="model"
        label="Model"
        hint={model.description}
        value={model.id}
        options={models.map((each) => [each.id, each.workers ? each.id : `${each.id} (no worker now)`] as const)}
        change={choose}
      />
      <PromptFields draft={draft} model={model} change={change} />
      <AnswerFields draft={draft} model={model} change={change} />
      <ClaimFields draft={draft} model={model} change={change} />
      <h2 class="small">Budget</h2>
      <BudgetFields draft={draft} model={model} change={change} />
      <PlanNote draft={draft} model={model} />
      <div class="send">
        <button type="submit" class="main" disabled={sending}>
          {sending ? "Sending…" : "Generate and certify"}
        </button>
        <p role="alert" class="refusal">
          {refusal}
        </p>
      </div>
    </form>
  );
}

/** Returns a fresh idempotency key. Not randomUUID, which browsers keep from pages without https. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
