import { count } from "../digits";

interface Check {
  name: string;
  passed: boolean;
  detail: string;
}

/** Every check of a verification, to be opened. */
export function CheckList({ checks }: { checks: readonly Check[] }) {
  return (
    <details>
      <summary>{count(checks.length, "check")}</summary>
      <ul class="all">
        {checks.map((check) => (
          <li class={check.passed ? "passed" : "failed"}>
            <span>{check.passed ? "passed" : "failed"}</span> <strong>{check.name}</strong> {check.detail}
          </li>
        ))}
      </ul>
    </details>
  );
}
