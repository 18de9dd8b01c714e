/** What is attacked and what is held fixed: the closed vocabulary of the adapters, and which noise goes with which. */

import { field, has, sameJson, type Json } from "../json/data.js";
import { FURTHEST_IN_SIGMAS, type Mechanism, type Noise } from "../mechanisms/mechanism.js";
import type { MetricIdentity, RequestIdentity, Threat } from "../sections.js";
import { Invalid } from "../verdict.js";
import { requireForwardNoise, requireLatent, requireSteps } from "./denoising.js";
import { EMPTY_TEMPLATE, MASK, TEMPLATE } from "./held.js";
import { METRICS } from "./metrics.js";
import { PLUGIN } from "./quoting.js";
import { COUNTED_TURNS, OTHER_TURNS, requireHeldBesideTurns, requireTurnsAsAsked } from "./turns.js";

const DRAWN = "token count of each drawn text";
const PROMPT = "prompt";
const SEED_IMAGE = "seed image";
const COUNTED = /^token count \(([1-9][0-9]{0,9})\)$/;
export const EARLIER_TURNS = /^earlier turns of the conversation \([1-9][0-9]{0,2}\)$/;
export const NEGATIVE_PROMPT = "unconditional embedding (negative prompt)";
export const EMPTY_PROMPT = "unconditional embedding (empty prompt)";
const HELD = new Set([MASK, DRAWN, PROMPT, SEED_IMAGE, NEGATIVE_PROMPT, EMPTY_PROMPT]);

type Kind = "language" | "conversation" | "bottleneck" | "closed form" | "pipeline" | "head" | "latent" | "seed image";

export interface Attack {
  readonly kind: Kind;
  /** The adapter's words; a number in them is that of x. */
  readonly attackOn: RegExp;
  readonly modality: "text" | "image";
  /** The noise that may go on it. */
  readonly mechanisms: readonly string[];
  /** Whether it comes from a prompt of words, which may be drawn from synonym classes before. */
  readonly words: boolean;
  /** What is attacked, for people who know no models. */
  readonly tampered: string;
}

const GAUSSIAN = ["gaussian"];
const ON_PROMPT = ["gaussian", "gaussian-per-step", "shaped-gaussian"];
const READ_FOR_PROMPT = "the numbers that the model reads instead of your prompt";
const ATTACKS: readonly Attack[] = [
  attack("language", /^token embeddings of the prompt$/, "text", GAUSSIAN, true, READ_FOR_PROMPT),
  attack(
    "conversation",
    /^token embeddings of the user's turns$/,
    "text",
    GAUSSIAN,
    false,
    "the numbers that the model reads for any of the user's turns",
  ),
  attack("bottleneck", /^sentence condition \(([1-9][0-9]{0,9}) numbers\)$/, "text", GAUSSIAN, true, READ_FOR_PROMPT),
  attack("closed form", /^input number$/, "text", GAUSSIAN, false, "the number that the model reads"),
  attack(
    "pipeline",
    /^prompt embedding \(the text encoder's last hidden states\)$/,
    "image",
    ON_PROMPT,
    true,
    READ_FOR_PROMPT,
  ),
  attack(
    "head",
    /^prompt's point in the ([1-9][0-9]{0,9})-dimensional conditioning space$/,
    "image",
    ON_PROMPT,
    true,
    READ_FOR_PROMPT,
  ),
  attack(
    "latent",
    /^initial latent$/,
    "image",
    ["latent-schedule"],
    false,
    "the random numbers that the picture starts from",
  ),
  attack(
    "seed image",
    /^seed image's latent$/,
    "image",
    ["latent-schedule", "forward-diffusion"],
    false,
    "the numbers that the model reads instead of your seed image",
  ),
];

function attack(
  kind: Kind,
  attackOn: RegExp,
  modality: "text" | "image",
  mechanisms: readonly string[],
  words: boolean,
  tampered: string,
): Attack {
  return { kind, attackOn, modality, mechanisms, words, tampered };
}

/** Returns the attack of these words, null where no adapter writes them. */
export function attackNamed(attackOn: string): Attack | null {
  return ATTACKS.find((known) => known.attackOn.test(attackOn)) ?? null;
}

/** Returns whether an adapter names what it holds fixed in these words. */
export function isKnownToBeHeld(words: string): boolean {
  return (
    HELD.has(words) ||
    [COUNTED, TEMPLATE, EARLIER_TURNS, COUNTED_TURNS, OTHER_TURNS].some((pattern) => pattern.test(words))
  );
}

/** Returns whether the request was to a picture network of one pass, the only adapter with proven constants. */
export function isOnePass(request: RequestIdentity | null): boolean {
  return request !== null && field(request.parameters, "scheduler") === "none";
}

/** Holds a threat section to the adapters' vocabulary. Throws Invalid where its parts cannot stand together. */
export function requireThreat(
  stated: Threat,
  mechanism: Mechanism,
  roundingSlack: number,
  request: RequestIdentity | null,
  metric: MetricIdentity | null,
): void {
  const known = attackNamed(stated.attackOn);
  if (known === null) {
    if (stated.attackOn.startsWith(PLUGIN) && stated.attackOn !== PLUGIN) return;
    throw threatError(`attack_on is ${JSON.stringify(stated.attackOn).slice(0, 120)}, which no adapter writes`);
  }
  const measured = metric === null ? undefined : METRICS.get(metric.name);
  if (measured !== undefined && measured.modality !== known.modality) {
    throw threatError(`an attack on ${known.modality}s does not go with metric ${measured.name}`);
  }
  requireTurnsAsAsked(stated.attackOn, request);
  const { noise, classes } = mechanism;
  const fitting = classes !== null || isOnePass(request) ? GAUSSIAN : known.mechanisms;
  if (!fitting.includes(noise.name) || (classes !== null && !known.words)) {
    throw threatError(`mechanism ${mechanism.name} puts no noise on the ${stated.attackOn}`);
  }
  requireDimension(stated, known);
  const least = mechanism.roundingSlack(stated.dimension);
  if (roundingSlack < least * (1 - 1e-12)) {
    throw new Invalid(`rounding_slack must be at least ${least} for ${stated.dimension} numbers, got ${roundingSlack}`);
  }
  requireEmbeddingNorm(stated, noise);
  requireHeldFixed(stated, known, classes !== null, request);
  if (request !== null && known.modality === "image") requireFittingDenoising(stated, known, noise, request);
}

function requireFittingDenoising(stated: Threat, known: Attack, noise: Noise, request: RequestIdentity): void {
  requireSteps(noise, request.parameters);
  requireForwardNoise(noise, request.parameters);
  if (known.kind === "latent" || known.kind === "seed image") requireLatent(stated.dimension, request.parameters);
}

/** Throws Invalid for what is no norm, and for x further out than shaped noise is drawn around. */
function requireEmbeddingNorm({ embeddingNorm }: Threat, { shape, effectiveSigma }: Noise): void {
  const longest = shape?.halfAxes[1] ?? Infinity;
  // The norm is written to six decimals.
  const furthest = FURTHEST_IN_SIGMAS * effectiveSigma * longest * (1 + 0.9e-9) + 1e-6;
  if (!(embeddingNorm >= 0 && embeddingNorm <= furthest)) {
    throw threatError(`embedding_norm must lie in [0, ${furthest}], got ${embeddingNorm}`);
  }
}

function requireDimension(stated: Threat, known: Attack): void {
  const named = known.attackOn.exec(stated.attackOn)?.[1];
  const counted = known.kind === "closed form" ? 1 : named === undefined ? null : Number(named);
  if (stated.dimension < 1 || (counted !== null && counted !== stated.dimension)) {
    throw threatError(`dimension is ${stated.dimension}, and attacked is the ${stated.attackOn}`);
  }
}

function requireHeldFixed(stated: Threat, known: Attack, drawn: boolean, request: RequestIdentity | null): void {
  if (known.kind === "conversation") {
    const tokens = requireHeldBesideTurns(stated.heldFixed, request);
    if (stated.dimension % tokens !== 0) {
      throw threatError(`dimension ${stated.dimension} is no multiple of the ${tokens} tokens of the user's turns`);
    }
    return;
  }
  const possible = possiblyHeld(known, stated.heldFixed, drawn, request);
  if (!possible.some((held) => sameJson([...held], [...stated.heldFixed]))) {
    throw threatError(`held_fixed must be one of ${JSON.stringify(possible)}`.slice(0, 300));
  }
  const counted = known.kind === "language" ? COUNTED.exec(stated.heldFixed[0] ?? "") : null;
  if (counted !== null && stated.dimension % Number(counted[1]) !== 0) {
    throw threatError(`dimension ${stated.dimension} is no multiple of the ${counted[0]}`);
  }
}

/** Returns everything an adapter of this kind may hold fixed for this request. Counts are taken as stated. */
function possiblyHeld(
  known: Attack,
  stated: readonly string[],
  drawn: boolean,
  request: RequestIdentity | null,
): readonly (readonly string[])[] {
  if (known.kind === "bottleneck" || known.kind === "closed form") return [[]];
  return known.kind === "language" ? heldByLanguage(stated, drawn, request) : heldByPictures(known, request);
}

function heldByLanguage(
  stated: readonly string[],
  drawn: boolean,
  request: RequestIdentity | null,
): readonly (readonly string[])[] {
  const first = (pattern: RegExp, otherwise: string): string => stated.find((held) => pattern.test(held)) ?? otherwise;
  const plain = [drawn ? DRAWN : first(COUNTED, "token count (N)"), MASK];
  const chat = [...plain, first(TEMPLATE, "chat template (N tokens)")];
  const turns = [...chat, first(EARLIER_TURNS, "earlier turns of the conversation (N)")];
  if (request === null) return [plain, chat, turns];
  if (parameterOf(request, "chat") !== true) return [plain];
  if (has(request.parameters, "history")) return [turns];
  return request.template === EMPTY_TEMPLATE ? [plain] : [chat];
}

function heldByPictures(known: Attack, request: RequestIdentity | null): readonly (readonly string[])[] {
  let negatives = [true, false];
  let images = [true, false];
  if (request !== null) {
    negatives = [isTruthy(parameterOf(request, "negative_prompt"))];
    images = [parameterOf(request, "image") !== null];
    if (parameterOf(request, "scheduler") === "none") {
      if (known.kind !== "head") throw threatError(`a network of one pass has no such input`);
      return [[]];
    }
  }
  const onLatent = known.kind === "latent" || known.kind === "seed image";
  if (onLatent && !images.includes(known.kind === "seed image")) {
    throw threatError("this attack does not fit parameters.image");
  }
  const possible = negatives.map((negative) => (negative ? NEGATIVE_PROMPT : EMPTY_PROMPT));
  if (onLatent) return possible.map((held) => [PROMPT, held]);
  const held = possible.flatMap((one) => images.map((image) => (image ? [one, SEED_IMAGE] : [one])));
  return request !== null || known.kind !== "head" ? held : [...held, []];
}

/** Returns a generation parameter that decides what is held fixed. Throws Invalid where it is missing. */
export function parameterOf(request: RequestIdentity, name: string): Json {
  const value = field(request.parameters, name);
  if (value === undefined) throw new Invalid(`request.parameters must say ${name}, which decides what is held fixed`);
  return value;
}

/** Returns whether Python takes a value for true; a negative prompt is a text or null. */
export function isTruthy(value: Json): boolean {
  return typeof value === "object" && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}

function threatError(message: string): Invalid {
  return new Invalid(`threat: ${message}`);
}
