import { useState } from "preact/hooks";

import type { Certificate } from "../api/types";
import { CertificateActions } from "../certificate/actions";
import { Statement } from "../certificate/statement";

/** Verifies a certificate that somebody brings, whoever issued it. */
export function VerifyPage() {
  const [text, setText] = useState("");
  const [certificate, setCertificate] = useState<Certificate>();
  const [refusal, setRefusal] = useState("");
  const read = (event: Event) => {
    event.preventDefault();
    const found = certificateIn(text);
    setCertificate(typeof found === "string" ? undefined : found);
    setRefusal(typeof found === "string" ? found : "");
  };
  const load = async (event: Event) => {
    const file = (event.currentTarget as HTMLInputElement).files?.[0];
    if (file) setText(await file.text());
  };
  return (
    <div class="page">
      <h1>Verify a certificate</h1>
      <form onSubmit={read}>
        <div class="field">
          <label for="file">A file</label>
          <input id="file" type="file" accept="application/json,.json" onChange={load} />
        </div>
        <div class="field">
          <label for="document">or its text</label>
          <textarea id="document" rows={10} value={text} spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} />
        </div>
        <button type="submit" class="main">
          Read
        </button>
        <p role="alert" class="refusal">
          {refusal}
        </p>
      </form>
      {certificate && (
        <>
          <h2>What it says</h2>
          <Statement text={certificate.statement} />
          <CertificateActions certificate={certificate} key={text} />
        </>
      )}
    </div>
  );
}

/** Returns the certificate in a text, or in a saved answer of the server; a sentence where there is none. */
function certificateIn(text: string): Certificate | string {
  if (!text.trim()) return "Choose a file or paste a certificate first.";
  try {
    const document: unknown = JSON.parse(text);
    const inner = (document as { certificate?: unknown } | null)?.certificate ?? document;
    if (typeof (inner as { statement?: unknown } | null)?.statement === "string") return inner as Certificate;
    return "This is JSON, but no certificate: it has no statement in words.";
  } catch (error) {
    return `This is no JSON: ${(error as Error).message}.`;
  }
}
