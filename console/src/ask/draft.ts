import type { GenerateRequest, Model } from "../api/types";
import { type ClaimDraft, claimHindrance, claimOf } from "./claim";
import { COUNTED, NOISE, UNNOISED } from "./mechanisms";
import { passagesOf } from "../form/passages-field";
import { offers, type Tier } from "./tiers";

/** How the answer is found in a text, for metric `label`; "whole" compares texts by the model's own metric. */
export type Answer = "whole" | "capitalised" | "number" | "first_line" | "pattern";

/** What the model reads: a prompt, a question over passages, or a conversation. */
export type Source = "prompt" | "passages" | "conversation";

export interface Turn {
  role: "system" | "user" | "assistant";
  content: string;
}

/** The form as it stands. Numbers are as typed: an empty one leaves the choice to the server. */
export interface Draft {
  model: string;
  source: Source;
  prompt: string;
  /** Of a conversation: the turns before the last, which is the prompt. */
  turns: readonly Turn[];
  attackedTurns: "last" | "user";
  passages: string;
  /** How many passages a run reads. */
  size: string;
  maxNewTokens: string;
  answer: Answer;
  pattern: string;
  metric: string;
  tier: Tier;
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
  source: "prompt",
  prompt: "",
  turns: [],
  attackedTurns: "last",
  passages: "",
  size: "",
  maxNewTokens: "",
  answer: "whole",
  pattern: "",
  metric: "",
  tier: "request",
  mechanism: "",
  tolerance: "",
  epsilon: "",
  samples: "",
  sigma: "",
  keepSamples: false,
  claims: [],
};

const NUMBERS = ["maxNewTokens", "size", "tolerance", "epsilon", "samples", "sigma"] as const;
/** A capital and the letters after it, of any alphabet, as RE2 writes it. */
export const CAPITALISED = "\\p{Lu}\\p{L}+";

/** Returns the tier of the draft. Passages have one alone. */
export const tierOf = (draft: Draft): Tier => (draft.source === "passages" ? "request" : draft.tier);

/** Returns the mechanism by which the draft would be certified. */
export function mechanismOf(draft: Draft, model: Model): string {
  if (draft.source === "passages") return "passages";
  const { default_mechanism: usual = NOISE } = model;
  return draft.mechanism || (offers(draft.tier, usual) ? usual : NOISE);
}

/** Returns what keeps the draft from being sent, as a sentence; undefined where nothing does. */
export function hindrance(draft: Draft): string | undefined {
  if (!draft.prompt.trim()) return "Write a prompt first.";
  if (draft.source === "passages" && passagesOf(draft.passages).length === 0) return "Paste at least one passage.";
  const empty = draft.source === "conversation" ? draft.turns.findIndex((turn) => !turn.content.trim()) : -1;
  if (empty >= 0) return `Write what turn ${empty + 1} says, or remove it.`;
  if (draft.answer === "pattern" && !draft.pattern.trim()) return "Write the pattern that finds the answer.";
  const wrong = NUMBERS.find((name) => draft[name].trim() !== "" && !Number.isFinite(Number(draft[name])));
  if (wrong) return `“${draft[wrong]}” is no number. Write one such as 0.1, or leave the field empty.`;
  if (tierOf(draft) !== "request") return undefined;
  return draft.claims.map((claim, k) => claimHindrance(claim, k + 1)).find(Boolean);
}

/** Returns the request that the draft stands for. */
export function requestOf(draft: Draft, model: Model): GenerateRequest {
  const mechanism = mechanismOf(draft, model);
  const noised = !UNNOISED.has(mechanism);
  const text = model.modality === "text";
  const tier = tierOf(draft);
  const sampled = tier === "request";
  const parameters = { ...(text ? number("max_new_tokens", draft.maxNewTokens) : {}), ...conversation(draft) };
  const robustness = {
    ...(sampled ? {} : { tier }),
    ...number("tolerance", draft.tolerance),
    ...(COUNTED.has(mechanism) ? {} : number("epsilon", draft.epsilon)),
    ...(mechanism === "passages" ? units(draft) : {}),
    ...(sampled ? number("samples", draft.samples) : {}),
    ...(noised ? number("sigma", draft.sigma) : {}),
    ...(draft.mechanism && draft.source !== "passages" ? { mechanism: draft.mechanism } : {}),
    ...metric(draft, text),
    ...(sampled && draft.claims.length > 0 ? { claims: draft.claims.map(claimOf) } : {}),
  };
  return {
    model: draft.model,
    prompt: draft.prompt,
    ...(draft.source === "passages" ? { context: passagesOf(draft.passages) } : {}),
    ...(Object.keys(parameters).length > 0 ? { parameters } : {}),
    ...(sampled && noised && draft.keepSamples ? { output: "samples" } : {}),
    robustness,
  } as GenerateRequest; // names that are computed have no types
}

function number(name: string, typed: string) {
  return typed.trim() ? { [name]: Number(typed) } : {};
}

function conversation({ source, turns, attackedTurns }: Draft) {
  if (source !== "conversation") return {};
  return {
    chat: true,
    ...(turns.length > 0 ? { history: turns } : {}),
    ...(attackedTurns === "last" ? {} : { attacked_turns: attackedTurns }),
  };
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
