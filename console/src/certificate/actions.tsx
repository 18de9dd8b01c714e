import { useState } from "preact/hooks";

import { verify } from "../api/client";
import { reason } from "../api/refusal";
import type { Certificate, Verdict } from "../api/types";
import { Download } from "./download";
import { forged } from "./forged";
import { Checks } from "./checks";

/** What was verified, and what came of it. */
interface Verified {
  forgery?: string;
  verdict: Verdict;
}

/** Download a certificate, have it verified, or have a forgery of it rejected. */
export function CertificateActions({ certificate }: { certificate: Certificate }) {
  const [verified, setVerified] = useState<Verified>();
  const [refusal, setRefusal] = useState("");
  const check = async (document: Certificate, forgery?: string) => {
    setRefusal("");
    try {
      setVerified({ forgery, verdict: await verify(document) });
    } catch (error) {
      setVerified(undefined);
      setRefusal(reason(error));
    }
  };
  const forge = () => {
    const { document, change } = forged(certificate);
    return check(document, change);
  };
  return (
    <section class="certificate" aria-labelledby="certificate-title">
      <h3 id="certificate-title">The certificate</h3>
      <p>
        Its numbers follow from the evidence that it carries, and anyone can recompute them. That the evidence was
        measured honestly is not shown, and this page checks no signature.
      </p>
      <div class="row">
        <Download certificate={certificate} />
        <button type="button" onClick={() => check(certificate)}>
          Verify
        </button>
        <button type="button" onClick={forge}>
          Forge a number, then verify
        </button>
      </div>
      <div role="status">{verified && <Checks {...verified} />}</div>
      <p role="alert" class="refusal">
        {refusal}
      </p>
    </section>
  );
}
