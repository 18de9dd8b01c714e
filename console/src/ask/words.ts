// What the form calls things. Names of requests are in the documentation of the API.

/** A mechanism for people: its name, and what it does. */
interface Said {
  name: string;
  says: string;
}

const MECHANISMS: Record<string, Said> = {
  tokens: {
    name: "Every prompt in reach",
    says: "Runs the model on the prompts that an attack can turn yours into, nearest first. Exact, without noise.",
  },
  edits: {
    name: "Slips and synonyms",
    says: "Runs the model on a public list of typing slips, capitals, spacing, punctuation and synonyms of your prompt.",
  },
  words: { name: "Some words at a time", says: "Every run reads some of the words and leaves the others out." },
  embedding: {
    name: "Noise on the embedding",
    says: "Adds noise to the numbers that the prompt becomes, runs the model many times and measures the spread.",
  },
  "embedding-shaped": {
    name: "Shaped noise on the embedding",
    says: "Noise that is longer in the directions the model minds least. Attacks are measured in the same shape.",
  },
  "embedding-per-step": {
    name: "Noise at every step",
    says: "Draws the noise on the prompt's numbers anew at every denoising step.",
  },
  "latent-schedule": {
    name: "Noise on the picture in the making",
    says: "Adds noise to the latent before every denoising step. Attacks are on the initial latent.",
  },
};

/** Returns the mechanism in plain words. */
export const said = (mechanism: string): Said => MECHANISMS[mechanism] ?? { name: mechanism, says: "" };

/** Mechanisms that need what the form does not ask for: a seed image, or passages. */
export const NOT_OFFERED = new Set(["img2img", "passages"]);

const METRICS: Record<string, string> = {
  "sentence-chord": "meaning, by a sentence encoder",
  edit: "words that differ",
  absolute: "the number itself",
  "pixel-rmse": "pixels",
  "feature-chord": "features of the picture",
  verdict: "what the picture shows",
  "vision-chord": "features of a vision model",
};

/** Returns how a metric compares two outputs. */
export const compares = (metric: string): string => METRICS[metric] ?? metric;

const SCORES: Record<string, string> = {
  pattern: "a pattern is found",
  json_schema: "it is JSON of a schema",
  length: "length",
  similarity: "similarity to a text",
  verdict: "what the picture shows",
  profanity: "how likely it is profane",
  clip_similarity: "similarity of picture and prompt",
};

/** Returns a score in plain words; a plug-in's by its name. */
export const scored = (score: string): string => SCORES[score] ?? score.replace(/^plugin:/, "plug-in ");
