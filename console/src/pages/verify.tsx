import { useState } from "preact/hooks";

import type { Certificate } from "../api/types";
import { Field } from "../form/field";
import { CertificateActions } from "../certificate/actions";
import { Statement } from "../certificate/statement";

/** Verifies a certificate that somebody brings, whoever issued it. */
export function VerifyPage() {
  const [text, setText] = useState("");
  const [signature, setSignature] = useState("");
  const [brought, setBrought] = useState<Brought>();
  const [refusal, setRefusal] = useState("");
  const read = (event: Event) => {
    event.preventDefault();
    const found = broughtIn(text);
    setBrought(typeof found === "string" ? undefined : found);
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
        <Field id="signature" label="Its signature" hint="A line of three parts with dots between them. A saved answer has it already.">
          <textarea
            id="signature"
            rows={3}
            value={signature}
            spellcheck={false}
            aria-describedby="signature-hint"
            onInput={(event) => setSignature(event.currentTarget.value)}
          />
        </Field>
        <button type="submit" class="main">
          Read
        </button>
        <p role="alert" class="refusal">
          {refusal}
        </p>
      </form>
      {brought && (
        <>
          <h2>What it says</h2>
          <Statement text={brought.certificate.statement} />
          <CertificateActions
            certificate={brought.certificate}
            signature={signature.trim() || brought.signature}
            key={text + signature}
          />
        </>
      )}
    </div>
  );
}

/** A certificate, and its signature where a saved answer has it. */
interface Brought {
  certificate: Certificate;
  signature: string;
}

/** Returns the certificate in a text, or in a saved answer of the server; a sentence where there is none. */
function broughtIn(text: string): Brought | string {
  if (!text.trim()) return "Choose a file or paste a certificate first.";
  try {
    const document: unknown = JSON.parse(text);
    const answer = document as { certificate?: unknown; signature?: unknown } | null;
    const inner = answer?.certificate ?? document;
    if (typeof (inner as { statement?: unknown } | null)?.statement === "string") {
      return { certificate: inner as Certificate, signature: typeof answer?.signature === "string" ? answer.signature : "" };
    }
    return "This is JSON, but no certificate: it has no statement in words.";
  } catch (error) {
    return `This is no JSON: ${(error as Error).message}.`;
  }
}
