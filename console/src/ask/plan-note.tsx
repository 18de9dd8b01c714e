import { plan } from "../api/client";
import type { Model, Plan } from "../api/types";
import { useAsked } from "../asked";
import { count, down, duration, percent } from "../digits";
import { type Draft, hindrance, requestOf } from "./draft";

const PAUSE_MS = 400;

/** What the request as drafted would cost and could prove, asked when typing pauses. */
export function PlanNote({ draft, model }: { draft: Draft; model: Model }) {
  const ready = hindrance(draft) === undefined;
  const { answer, refusal } = useAsked<Plan | undefined>(
    async (signal) => {
      if (!ready) return undefined;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      return signal.aborted ? undefined : plan(requestOf(draft, model), signal);
    },
    [JSON.stringify(draft)],
  );
  return (
    <section class="plan" aria-labelledby="plan-title">
      <h2 class="small" id="plan-title">
        What it would cost
      </h2>
      <div role="status">
        {!ready ? (
          <p class="hint">Write a prompt to see.</p>
        ) : refusal ? (
          <p class="refusal">{refusal}</p>
        ) : answer ? (
          <Told plan={answer} unit={draft.source === "passages" ? "passage" : "word"} />
        ) : (
          <p class="hint">Asking the server…</p>
        )}
      </div>
    </section>
  );
}

/** unit: what the runs choose among, where they do. */
function Told({ plan, unit }: { plan: Plan; unit: string }) {
  const expected = plan.noise?.expected ?? [];
  return (
    <>
      <p>
        <strong>{count(plan.generations, "model run")} at most</strong>
        {plan.seconds != null && `, ${duration(plan.seconds)}`}
        {plan.workers === 0 ? ". No worker serves this model now: the job would wait." : "."}
        {plan.looks.length > 1 && ` It may stop after ${plan.looks.slice(0, -1).join(", ")}.`}
      </p>
      {plan.noise?.radius_without_samples != null && (
        <p>A radius of {down(plan.noise.radius_without_samples)} holds for any model under this noise, without a sample.</p>
      )}
      {expected.length > 0 && (
        <table>
          <caption>What it could prove. Nobody knows beforehand how many runs will differ.</caption>
          <thead>
            <tr>
              <th scope="col">runs that differ</th>
              <th scope="col" class="number">
                radius
              </th>
              <th scope="col" class="number">
                runs
              </th>
            </tr>
          </thead>
          <tbody>
            {expected.map((each) => (
              <tr>
                <th scope="row">{each.bad_share === 0 ? "none" : percent(each.bad_share)}</th>
                <td class="number">{down(each.radius)}</td>
                <td class="number">{each.samples}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {plan.units && (
        <p>
          Every run reads {plan.units.size ?? "some"} of {count(plan.units.units, unit)}. At best{" "}
          {count(plan.units.most_altered, `altered ${unit}`)} can be proven harmless.
        </p>
      )}
      {plan.cannot.map((claim) => (
        <p class="refusal">Out of reach: {claim.detail}</p>
      ))}
    </>
  );
}
