import { CheckList } from "./check-list";
import { rejection, type Signed } from "./signature";

/** What came of checking a certificate's signature. */
export function SignatureChecks({ signed }: { signed: Signed }) {
  if ("unchecked" in signed) return <p class="hint">{signed.unchecked}</p>;
  const { verdict } = signed;
  return (
    <div class="checks">
      {verdict.valid ? (
        <p class="holds">
          <span class="verdict">Signed</span> This server's key signed this very certificate, its job, model and output.
          It does not say that the numbers were measured.
        </p>
      ) : (
        <p class="broken">
          <span class="verdict">Signature rejected</span> {rejection(verdict)}.
        </p>
      )}
      {verdict.checks.length > 1 && <CheckList checks={verdict.checks} />}
    </div>
  );
}
