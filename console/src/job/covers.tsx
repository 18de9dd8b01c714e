import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { covers } from "../api/client";
import { reason } from "../api/refusal";
import type { Certificate, CoversRequest, PromptCover } from "../api/types";
import { PassagesField, passagesOf } from "../form/passages-field";
import { CoverAnswer } from "./cover-answer";

/** Asks what the certificate says of another prompt, or of other passages. One of edits compares nothing. */
export function Covers({ id, certificate }: { id: string; certificate: Certificate }) {
  if (certificate.method === "edits/v1") return null;
  const ofPassages = certificate.method === "units/v1" && certificate.threat?.attack_on === "passages";
  return ofPassages ? <OfPassages id={id} certificate={certificate} /> : <OfPrompt id={id} certificate={certificate} />;
}

interface Props {
  id: string;
  certificate: Certificate;
}

function OfPrompt({ id, certificate }: Props) {
  const [prompt, setPrompt] = useState("");
  const asked = prompt.trim() ? { prompts: [prompt] } : "Write a prompt to compare first.";
  return (
    <Comparison id={id} certificate={certificate} title="Does it cover a paraphrase?" asked={asked}>
      <label for="paraphrase">Another prompt, in other words</label>
      <div class="row">
        <input id="paraphrase" type="text" value={prompt} onInput={(event) => setPrompt(event.currentTarget.value)} />
        <button type="submit">Check</button>
      </div>
    </Comparison>
  );
}

function OfPassages({ id, certificate }: Props) {
  const [text, setText] = useState("");
  const context = passagesOf(text);
  const asked = context.length > 0 ? { context } : "Paste the passages to compare first.";
  return (
    <Comparison id={id} certificate={certificate} title="Does it cover other passages?" asked={asked}>
      <PassagesField
        id="other-passages"
        label="Other passages, under the same question"
        says="in the order in which the model would read them"
        value={text}
        change={setText}
      />
      <div class="row">
        <button type="submit">Check</button>
      </div>
    </Comparison>
  );
}

interface ComparisonProps extends Props {
  title: string;
  /** What is compared, or what is missing, as a sentence. */
  asked: CoversRequest | string;
  children: ComponentChildren;
}

function Comparison({ id, certificate, title, asked, children }: ComparisonProps) {
  const [told, setTold] = useState<PromptCover>();
  const [refusal, setRefusal] = useState("");
  const ask = async (event: Event) => {
    event.preventDefault();
    setTold(undefined);
    setRefusal(typeof asked === "string" ? asked : "");
    if (typeof asked === "string") return;
    try {
      setTold((await covers(id, asked)).answers[0]);
    } catch (error) {
      setRefusal(reason(error));
    }
  };
  return (
    <section class="covers" aria-labelledby="covers-title">
      <h3 id="covers-title">{title}</h3>
      <form onSubmit={ask}>{children}</form>
      <div role="status">{told && <CoverAnswer told={told} certificate={certificate} />}</div>
      <p role="alert" class="refusal">
        {refusal}
      </p>
    </section>
  );
}
