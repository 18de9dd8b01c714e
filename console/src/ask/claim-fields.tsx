import type { Model } from "../api/types";
import { AGAINST, AT, type ClaimDraft, claimOn, MOST_CLAIMS, twoValued } from "./claim";
import { type Draft, tierOf } from "./draft";
import { Choice, Field, NumberField } from "../form/field";
import { scored } from "./words";

interface Props {
  draft: Draft;
  model: Model;
  change: (changes: Partial<Draft>) => void;
}

/** Claims on scores of the output that are to hold under attack. */
export function ClaimFields({ draft, model, change }: Props) {
  const { claims } = draft;
  const { scores = [] } = model;
  const [first] = scores;
  if (first === undefined || tierOf(draft) !== "request") return null;
  const replace = (place: number, changes: Partial<ClaimDraft>) =>
    change({ claims: claims.map((claim, k) => (k === place ? { ...claim, ...changes } : claim)) });
  return (
    <section class="asked" aria-labelledby="claims-asked">
      <h2 class="small" id="claims-asked">
        Claims on scores
      </h2>
      <p class="hint">What is to hold of the outputs under attack. Every claim gets a radius of its own.</p>
      {claims.map((claim, place) => (
        <ClaimField
          claim={claim}
          place={place + 1}
          scores={scores}
          change={(changes) => replace(place, changes)}
          remove={() => change({ claims: claims.filter((_, k) => k !== place) })}
        />
      ))}
      {claims.length < MOST_CLAIMS && (
        <button type="button" class="quiet" onClick={() => change({ claims: [...claims, claimOn(first)] })}>
          Add a claim
        </button>
      )}
    </section>
  );
}

interface One {
  claim: ClaimDraft;
  place: number;
  scores: readonly string[];
  change: (changes: Partial<ClaimDraft>) => void;
  remove: () => void;
}

function ClaimField({ claim, place, scores, change, remove }: One) {
  const id = (name: string) => `claim-${place}-${name}`;
  const against = AGAINST[claim.score];
  return (
    <fieldset class="item">
      <legend>Claim {place}</legend>
      <Choice
        id={id("score")}
        label="Score"
        value={claim.score}
        options={scores.map((score) => [score, scored(score)] as const)}
        change={(score) => change({ ...claimOn(score), side: claim.side })}
      />
      {against && (
        <Field id={id("against")} label={against}>
          <textarea
            id={id("against")}
            rows={claim.score === "json_schema" ? 4 : 1}
            spellcheck={false}
            value={claim.against}
            onInput={(event) => change({ against: event.currentTarget.value })}
          />
        </Field>
      )}
      {claim.score === "length" && (
        <div class="pair">
          <Choice
            id={id("unit")}
            label="Counted in"
            value={claim.unit}
            options={["words", "characters"].map((unit) => [unit, unit] as const)}
            change={(unit) => change({ unit: unit as ClaimDraft["unit"] })}
          />
          <NumberField id={id("cap")} label="Counted up to" placeholder="100" value={claim.cap} change={(cap) => change({ cap })} />
        </div>
      )}
      {!twoValued(claim.score) && <Measure claim={claim} id={id} change={change} />}
      <div class="pair">
        <Choice
          id={id("side")}
          label={twoValued(claim.score) ? "Share of such outputs" : "It is to be"}
          value={claim.side}
          options={[
            ["at_least", "at least"],
            ["at_most", "at most"],
          ]}
          change={(side) => change({ side: side as ClaimDraft["side"] })}
        />
        <NumberField
          id={id("limit")}
          label="Limit"
          placeholder={twoValued(claim.score) ? "0 to 1" : "a number"}
          value={claim.limit}
          change={(limit) => change({ limit })}
        />
      </div>
      <button type="button" class="quiet" onClick={remove}>
        Remove claim {place}
      </button>
    </fieldset>
  );
}

/** Which number of the scores a claim is on. */
function Measure({ claim, id, change }: Pick<One, "claim" | "change"> & { id: (name: string) => string }) {
  return (
    <>
      <Choice
        id={id("of")}
        label="What is bounded"
        value={claim.of}
        options={[
          ["mean", "the mean"],
          ["share", "the share of outputs above"],
          ["quantile", "a quantile"],
        ]}
        change={(of) => change({ of: of as ClaimDraft["of"] })}
      />
      {claim.of !== "mean" && (
        <NumberField id={id("at")} label={AT[claim.of]} placeholder="0.9" value={claim.at} change={(at) => change({ at })} />
      )}
    </>
  );
}
