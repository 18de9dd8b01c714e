/** Mechanisms that draw no noise; all others do. */
export const UNNOISED = new Set(["tokens", "edits", "passages", "words"]);
/** Mechanisms whose attacks are counted, not measured by a norm. */
export const COUNTED = new Set(["edits", "passages", "words"]);
/** The mechanism of a model that names none, and of a tier that goes with no mechanism of the model's choice. */
export const NOISE = "embedding";
