import type { GenerateRequest } from "../api/types";

type ScoreClaim = NonNullable<NonNullable<GenerateRequest["robustness"]>["claims"]>[number];

/** A claim on a score as it stands in the form. Numbers are as typed. */
export interface ClaimDraft {
  /** As the model's card has it, such as "pattern" or "plugin:NAME". */
  score: string;
  /** What the score is held against: a pattern, a JSON Schema, a reference text, or what a picture shows. */
  against: string;
  unit: "characters" | "words";
  /** The length from which on texts count as equally long. */
  cap: string;
  of: "mean" | "share" | "quantile";
  /** Of a share the threshold of the score, of a quantile which one. */
  at: string;
  side: "at_most" | "at_least";
  limit: string;
}

export const MOST_CLAIMS = 8;

/** Scores that are 1 or 0, so that a claim is on a share of outputs. */
const TWO_VALUED = new Set(["pattern", "json_schema", "verdict"]);
export const twoValued = (score: string): boolean => TWO_VALUED.has(score);

/** Names what a score is held against, for those that are held against a text. */
export const AGAINST: Record<string, string> = {
  pattern: "Pattern (RE2)",
  json_schema: "JSON Schema",
  similarity: "Reference text",
  verdict: "What the picture shows",
};

/** Returns an empty claim on a score. */
export const claimOn = (score: string): ClaimDraft => ({
  score,
  against: "",
  unit: "words",
  cap: "",
  of: "mean",
  at: "",
  side: "at_least",
  limit: "",
});

/** Returns what keeps a claim from being sent, as a sentence; undefined where nothing does. */
export function claimHindrance(claim: ClaimDraft, place: number): string | undefined {
  const where = `Claim ${place}`;
  const named = AGAINST[claim.score];
  if (named && !claim.against.trim()) return `${where}: fill in “${named}”.`;
  if (claim.score === "json_schema") {
    try {
      JSON.parse(claim.against);
    } catch (error) {
      return `${where}: the schema is no JSON: ${(error as Error).message}.`;
    }
  }
  const numbers: [string, string][] = [["Limit", claim.limit]];
  if (claim.score === "length") numbers.unshift(["Counted up to", claim.cap]);
  if (!twoValued(claim.score) && claim.of !== "mean") numbers.unshift([AT[claim.of], claim.at]);
  const wrong = numbers.find(([, typed]) => !typed.trim() || !Number.isFinite(Number(typed)));
  return wrong && `${where}: “${wrong[0]}” must be a number, and is ${wrong[1].trim() ? `“${wrong[1]}”` : "empty"}.`;
}

/** Names the number that fixes a share or a quantile. */
export const AT = { share: "Score above", quantile: "Quantile" } as const;

/** Returns the claim as a request states it. */
export function claimOf(claim: ClaimDraft): ScoreClaim {
  const limit = { [claim.side]: Number(claim.limit) };
  const score = scoreOf(claim) as ScoreClaim["score"];
  if (twoValued(claim.score)) return { score, of: "share", ...limit };
  if (claim.of === "share") return { score, of: "share", above: Number(claim.at), ...limit };
  return { score, of: claim.of === "mean" ? "mean" : `quantile:${Number(claim.at)}`, ...limit };
}

function scoreOf({ score, against, unit, cap }: ClaimDraft) {
  switch (score) {
    case "pattern":
      return { name: score, pattern: against };
    case "json_schema":
      return { name: score, must_meet: JSON.parse(against) };
    case "length":
      return { name: score, unit, cap: Number(cap) };
    case "similarity":
      return { name: score, reference: against };
    case "verdict":
      return { name: score, verdict: against };
    default:
      return score.startsWith("plugin:") ? { name: "plugin", plugin: score.slice("plugin:".length) } : { name: score };
  }
}
