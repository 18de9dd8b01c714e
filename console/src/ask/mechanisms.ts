/** Mechanisms that draw no noise; all others do. */
export const UNNOISED = new Set(["tokens", "edits", "passages", "words"]);
/** Mechanisms whose attacks are counted, not measured by a norm. */
export const COUNTED = new Set(["edits", "passages", "words"]);
/** What is taken where a tier is about noise and the model's own mechanism draws none. */
export const OF_TIERS = "embedding";
