import type { GenerateRequest, Model } from "../api/types";
import { type ClaimDraft, claimHindrance, claimOf } from "./claim";

/** How the answer is found in a text, for metric `label`; "whole" compares texts by the model's own metric. */
export type Answer = "whole" | "capitalised" | "number" | "first_line" | "pattern";

/** The form as it stands. Numbers are as typed: an empty one leaves the choice to the server. */
export interface Draft {
  model: string;
  fromPassages: boolean;
  prompt: string;
  passages: string;
  /** How many passages a run reads. */
  size: string;
  maxNewTokens: string;
  answer: Answer;
  pattern: string;
  metric: string;
  mechanism: string;
  tolerance: string;
  epsilon: string;
  samples: string;
  sigma: string;
  keepSamples: boolean;
  claims: readonly ClaimDraft[];
}

export const EMPTY: Draft = {
  model: "",
  fromPassages: false,
  prompt: "",
  passages: "",
  size: "",
  maxNewTokens: "",
  answer: "whole",
  pattern: "",
  metric: "",
  mechanism: "",
  tolerance: "",
  epsilon: "",
  samples: "",
  sigma: "",
  keepSamples: false,
  claims: [],
};

const NUMBERS = ["maxNewTokens", "size", "tolerance", "epsilon", "samples", "sigma"] as const;
export const CAPITALISED = "[A-Z][a-z]+";

/** Mechanisms that draw no noise; all others do. */
export const UNNOISED = new Set(["tokens", "edits", "passages", "words"]);
/** Mechanisms whose attacks are counted, not measured by a norm. */
export const COUNTED = new Set(["edits", "passages", "words"]);

/** Returns the passages of the text: what blank lines separate. */
export const passagesOf = (text: string): string[] =>
  text
    .split(/\n\s*\n/)
    .map((passage) => passage.trim())
    .filter(Boolean);

/** Returns the mechanism by which the draft would be certified. */
export const mechanismOf = (draft: Draft, model: Model): string =>
  draft.fromPassages ? "passages" : draft.mechanism || model.default_mechanism;

/** Returns what keeps the draft from being sent, as a sentence; undefined where nothing does. */
export function hindrance(draft: Draft): string | undefined {
  if (!draft.prompt.trim()) return "Write a prompt first.";
  if (draft.fromPassages && passagesOf(draft.passages).length === 0) return "Paste at least one passage.";
  if (draft.answer === "pattern" && !draft.pattern.trim()) return "Write the pattern that finds the answer.";
  const wrong = NUMBERS.find((name) => draft[name].trim() !== "" && !Number.isFinite(Number(draft[name])));
  if (wrong) return `“${draft[wrong]}” is no number. Write one such as 0.1, or leave the field empty.`;
  return draft.claims.map((claim, k) => claimHindrance(claim, k + 1)).find(Boolean);
}

/** Returns the request that the draft stands for. */
export function requestOf(draft: Draft, model: Model): GenerateRequest {
  const mechanism = mechanismOf(draft, model);
  const noised = !UNNOISED.has(mechanism);
  const text = model.modality === "text";
  const robustness = {
    ...number("tolerance", draft.tolerance),
    ...(COUNTED.has(mechanism) ? {} : number("epsilon", draft.epsilon)),
    ...(mechanism === "passages" ? units(draft) : {}),
    ...number("samples", draft.samples),
    ...(noised ? number("sigma", draft.sigma) : {}),
    ...(draft.mechanism && !draft.fromPassages ? { mechanism: draft.mechanism } : {}),
    ...metric(draft, text),
    ...(draft.claims.length > 0 ? { claims: draft.claims.map(claimOf) } : {}),
  };
  return {
    model: draft.model,
    prompt: draft.prompt,
    ...(draft.fromPassages ? { context: passagesOf(draft.passages) } : {}),
    ...(text && draft.maxNewTokens.trim() ? { parameters: { max_new_tokens: Number(draft.maxNewTokens) } } : {}),
    ...(noised && draft.keepSamples ? { output: "samples" } : {}),
    robustness,
  } as GenerateRequest; // the generated type also requires the fields that have defaults
}

function number(name: string, typed: string) {
  return typed.trim() ? { [name]: Number(typed) } : {};
}

function units(draft: Draft) {
  const asked = { ...number("size", draft.size), ...number("altered", draft.epsilon) };
  return Object.keys(asked).length > 0 ? { units: asked } : {};
}

function metric(draft: Draft, text: boolean) {
  if (!text || draft.answer === "whole") return draft.metric ? { metric: draft.metric } : {};
  const rules = {
    capitalised: { kind: "regex", pattern: CAPITALISED },
    number: { kind: "number" },
    first_line: { kind: "first_line" },
    pattern: { kind: "regex", pattern: draft.pattern },
  };
  return { metric: { name: "label", extract: rules[draft.answer] } };
}
