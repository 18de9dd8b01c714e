import type { Verdict } from "../api/types";
import { count } from "../digits";
import { CheckList } from "./check-list";

/** What came of a verification: a sentence, and every check below. forgery: what was changed, where something was. */
export function Checks({ forgery, verdict }: { forgery?: string; verdict: Verdict }) {
  const failed = verdict.checks.filter((check) => !check.passed);
  return (
    <div class="checks">
      {forgery && <p>Changed: {forgery}.</p>}
      {verdict.valid ? (
        <p class="holds">
          <span class="verdict">Valid</span> Every number follows from the evidence
          {verdict.meaning === "checked" ? ", and the words mean what they must." : ". What its words mean was not checked."}
        </p>
      ) : (
        <>
          <p class="broken">
            <span class="verdict">Rejected</span> {count(failed.length, "check")} failed.
          </p>
          <ul>
            {failed.map((check) => (
              <li>
                <strong>{check.name}</strong>: {check.detail}
              </li>
            ))}
          </ul>
        </>
      )}
      <CheckList checks={verdict.checks} />
    </div>
  );
}
