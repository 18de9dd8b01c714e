import type { GenerateRequest, Model } from "../api/types";
import { UNNOISED } from "./mechanisms";

export type Tier = NonNullable<NonNullable<GenerateRequest["robustness"]>["tier"]>;

/** What a tier is called, and what it means in one sentence. */
interface Said {
  name: string;
  says: string;
}

export const TIERS: Record<Tier, Said> = {
  request: {
    name: "this request, from runs of its own",
    says: "The model is run for this request alone, up to the number below; what is proven is about this answer.",
  },
  fleet: {
    name: "the average request of the traffic",
    says: "Two runs: this answer gets what holds for any model under the noise, and the view Fleet certifies the average request.",
  },
  universal: {
    name: "what holds for any model",
    says: "One run: the radius follows from the noise alone, whatever the model is, and is small.",
  },
};

/** Returns the tiers that a model offers: all but the first are about noise on the embedding, or noise. */
export const tiersOf = (model: Model): Tier[] =>
  model.mechanisms.some((mechanism) => offers("universal", mechanism)) ? ["request", "fleet", "universal"] : ["request"];

/** Returns whether a tier goes with a mechanism. */
export function offers(tier: Tier, mechanism: string): boolean {
  switch (tier) {
    case "request":
      return true;
    case "fleet":
      return mechanism === "embedding";
    case "universal":
      return !UNNOISED.has(mechanism);
  }
}
