import { useState } from "preact/hooks";

import { verify } from "../api/client";
import { reason } from "../api/refusal";
import type { Certificate, Verdict } from "../api/types";
import { Download } from "./download";
import { forged } from "./forged";
import { Checks } from "./checks";
import { SignatureChecks } from "./signature-checks";
import { checkSignature, type Signed } from "./signature";

/** What was verified, and what came of it. */
interface Verified {
  forgery?: string;
  verdict: Verdict;
  signed: Signed;
}

interface Props {
  certificate: Certificate;
  /** Its signature, a compact JWS; empty where there is none. */
  signature: string;
}

/** Download a certificate, have it and its signature verified, or have a forgery of it rejected. */
export function CertificateActions({ certificate, signature }: Props) {
  const [verified, setVerified] = useState<Verified>();
  const [refusal, setRefusal] = useState("");
  const check = async (document: Certificate, forgery?: string) => {
    setRefusal("");
    try {
      const [verdict, signed] = await Promise.all([verify(document), checkSignature(signature, document)]);
      setVerified({ forgery, verdict, signed });
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
        Its numbers follow from the evidence that it carries, and anyone can recompute them. A signature says who issued
        it. That the evidence was measured honestly is not shown. Certificate and keys come from this one server: check
        with keys that you kept, by <code>smoothgen verify --jwks</code>, where that matters.
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
      <div role="status">
        {verified && (
          <>
            <Checks forgery={verified.forgery} verdict={verified.verdict} />
            <SignatureChecks signed={verified.signed} />
          </>
        )}
      </div>
      <p role="alert" class="refusal">
        {refusal}
      </p>
    </section>
  );
}
