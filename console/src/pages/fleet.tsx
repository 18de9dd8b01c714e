import { useId } from "preact/hooks";

import { fleet } from "../api/client";
import type { FleetReadings } from "../api/types";
import { useAsked } from "../asked";
import { Curve } from "../certificate/curve";
import { Statement } from "../certificate/statement";

type Reading = FleetReadings["data"][number];

/** What is certified of the average request of the key's traffic, by pool and window. */
export function FleetPage() {
  const { answer, refusal } = useAsked(fleet, []);
  return (
    <div class="page">
      <h1>The fleet</h1>
      <p>
        Requests of tier <code>fleet</code> cost one extra sample each. What is certified of them is an average over all
        of them, not a promise to each.
      </p>
      {refusal && (
        <p role="alert" class="refusal">
          {refusal}
        </p>
      )}
      {answer?.data.length === 0 && <p>No request of tier fleet was sent in this hour or day, nor in the last.</p>}
      {answer?.data.map((reading) => <Pool reading={reading} />)}
    </div>
  );
}

function Pool({ reading }: { reading: Reading }) {
  const { statement, curve } = reading.certificate as { statement: string; curve: [number, number][] };
  const heading = useId();
  return (
    <article class="pool" aria-labelledby={heading}>
      <h2 id={heading}>
        {reading.pool.model}, {reading.window.replace(":", " ")} (UTC)
      </h2>
      <Statement text={statement} />
      <Curve points={curve} radius={null} tolerance={null} kind="line" across="norm of the attack" of={heading} />
    </article>
  );
}
