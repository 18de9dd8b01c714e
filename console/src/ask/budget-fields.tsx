import type { Model } from "../api/types";
import { type Answer, type Draft, mechanismOf, tierOf } from "./draft";
import { Choice, Field, NumberField } from "../form/field";
import { UNNOISED } from "./mechanisms";
import { offers, type Tier, TIERS, tiersOf } from "./tiers";
import { compares, NOT_OFFERED, said } from "./words";

interface Props {
  draft: Draft;
  model: Model;
  change: (changes: Partial<Draft>) => void;
}

const ANSWERS: readonly (readonly [Answer, string])[] = [
  ["whole", "the whole text"],
  ["capitalised", "the first capitalised word"],
  ["number", "the first number"],
  ["first_line", "the first line"],
  ["pattern", "what a pattern finds"],
];

/** What is to stay the same: the answer in a text, or how two outputs are compared. */
export function AnswerFields({ draft, model, change }: Props) {
  const text = model.modality === "text";
  const metrics = model.metrics.filter((metric) => metric.name !== "label" && metric.name !== "vision-chord");
  return (
    <>
      {text && (
        <Choice
          id="answer"
          label="What is to stay the same"
          value={draft.answer}
          options={ANSWERS}
          change={(answer) => change({ answer: answer as Answer })}
        />
      )}
      {(!text || draft.answer === "whole") && (
        <Choice
          id="metric"
          label="Outputs are compared by"
          value={draft.metric || (metrics[0]?.name ?? "")}
          options={metrics.map((metric) => [metric.name, compares(metric.name)] as const)}
          change={(metric) => change({ metric })}
        />
      )}
      {text && (
        <div class="pair">
          {draft.answer === "pattern" && (
            <Field id="pattern" label="Pattern (RE2)">
              <input
                id="pattern"
                type="text"
                autocomplete="off"
                value={draft.pattern}
                onInput={(event) => change({ pattern: event.currentTarget.value })}
              />
            </Field>
          )}
          <NumberField
            id="length"
            label="Tokens at most"
            placeholder="32"
            value={draft.maxNewTokens}
            change={(maxNewTokens) => change({ maxNewTokens })}
          />
        </div>
      )}
    </>
  );
}

/** What may be spent, and what is asked for it. */
export function BudgetFields({ draft, model, change }: Props) {
  const fromPassages = draft.source === "passages";
  const tier = tierOf(draft);
  const tiers = tiersOf(model);
  const mechanism = mechanismOf(draft, model);
  const offered = model.mechanisms.filter((each) => !NOT_OFFERED.has(each) && offers(tier, each));
  const noised = !UNNOISED.has(mechanism);
  const diameter = model.metrics.find((metric) => metric.name === draft.metric)?.diameter ?? model.metrics[0]?.diameter;
  const aboutShare = fromPassages && draft.answer !== "whole";
  return (
    <>
      {!fromPassages && tiers.length > 1 && (
        <Choice
          id="tier"
          label="Certified is"
          hint={TIERS[tier].says}
          value={tier}
          options={tiers.map((each) => [each, TIERS[each].name] as const)}
          change={(chosen) => change({ tier: chosen as Tier, mechanism: "" })}
        />
      )}
      {!fromPassages && (
        <Choice
          id="mechanism"
          label="Certified by"
          hint={said(mechanism).says}
          value={mechanism}
          options={offered.map((each) => [each, said(each).name] as const)}
          change={(chosen) => change({ mechanism: chosen === mechanismOf({ ...draft, mechanism: "" }, model) ? "" : chosen })}
        />
      )}
      <div class="pair">
        {tier === "request" && (
          <NumberField
            id="samples"
            label={noised ? "Noisy runs at most" : "Runs at most"}
            placeholder="500"
            value={draft.samples}
            change={(samples) => change({ samples })}
          />
        )}
        {!aboutShare && (
          <NumberField
            id="tolerance"
            label="Change tolerated"
            hint={draft.answer === "whole" && diameter ? `Of ${diameter} at most; a tenth of that unless you say.` : undefined}
            placeholder="a tenth"
            value={draft.tolerance}
            change={(tolerance) => change({ tolerance })}
          />
        )}
        {mechanism !== "edits" && mechanism !== "words" && (
          <NumberField
            id="epsilon"
            label={fromPassages ? "Altered passages to withstand" : "Radius wanted"}
            hint="Left empty, the server proves as much as it can."
            placeholder="none"
            value={draft.epsilon}
            change={(epsilon) => change({ epsilon })}
          />
        )}
        {fromPassages && (
          <NumberField
            id="size"
            label="Passages a run reads"
            hint="Fewer withstand more; more tell the model more."
            placeholder="the server's"
            value={draft.size}
            change={(size) => change({ size })}
          />
        )}
        {noised && (
          <NumberField
            id="sigma"
            label="Noise level"
            placeholder="the model's"
            value={draft.sigma}
            change={(sigma) => change({ sigma })}
          />
        )}
      </div>
      {noised && tier === "request" && (
        <label class="check">
          <input
            type="checkbox"
            checked={draft.keepSamples}
            onChange={(event) => change({ keepSamples: event.currentTarget.checked })}
          />
          <span>Keep every noisy output to look at</span>
        </label>
      )}
    </>
  );
}
