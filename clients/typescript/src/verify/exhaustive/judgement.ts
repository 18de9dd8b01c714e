/** Whether the words of an exhaustive document are known ones, and the checks that hold its sections to them. */

import { field, has, sameJson } from "../json/data.js";
import { EMPTY_TEMPLATE, MASK, TEMPLATE } from "../meaning/held.js";
import { METRICS, requireMetricToOwnOutput } from "../meaning/metrics.js";
import { judgedOrigin, leftOpen, requireDigest, requireOutput, requireSeed } from "../meaning/origin.js";
import { PLUGIN } from "../meaning/quoting.js";
import { EARLIER_TURNS, EMPTY_PROMPT, isTruthy, NEGATIVE_PROMPT, parameterOf } from "../meaning/threats.js";
import { requireHeldBesideTurns, requireTurnsAsAsked, USER_TURNS } from "../meaning/turns.js";
import type { MetricIdentity, RequestIdentity } from "../sections.js";
import { checked, Invalid, type Check } from "../verdict.js";
import type { ExhaustiveCertificate, SnapThreat } from "./certificate.js";

export const TOKEN_EMBEDDINGS = "token embeddings of the prompt";
export const GIVEN_EMBEDDINGS = "token embeddings sent in place of the prompt";
export const SURROUNDING = "start, end and padding tokens";
/** The words that adapters write for what is attacked, and what the model makes. */
export const MODALITIES: ReadonlyMap<string, "text" | "image"> = new Map([
  [TOKEN_EMBEDDINGS, "text"],
  [USER_TURNS, "text"],
  [GIVEN_EMBEDDINGS, "text"],
  ["input token embeddings of the text encoder", "image"],
]);

/** Returns why a document's words do not fix what its numbers mean, null where they do. */
export function unknownMeaning({ provenance, threat }: ExhaustiveCertificate): string | null {
  const { request, model, metric, output } = provenance;
  return leftOpen(Object.entries({ request, model, metric, output, threat }), {
    metric: metric !== null && METRICS.has(metric.name),
    attack: threat !== null && MODALITIES.has(threat.attackOn),
  });
}

/** Returns a check for every section the document has. */
export function judged(stated: ExhaustiveCertificate): Check[] {
  const { provenance, threat, evidence, randomness } = stated;
  const { request, model, metric, output } = provenance;
  const checks = judgedOrigin(stated.id, stated.requestedAt, request, model);
  const add = (name: string, detail: string, look: () => void): void => void checks.push(checked(name, detail, look));
  if (metric !== null) {
    const detail = METRICS.has(metric.name) ? "the name fixes D" : "is a plug-in's, whose name fixes nothing";
    add("metric", detail, () => requireMetricToOwnOutput(metric, evidence.diameter, evidence.distances));
  }
  if (output !== null) {
    add("output", "of a kind the metric compares", () => requireOutput(output, metric, evidence.diameter, null));
  }
  if (threat !== null) add("threat", "fits the request", () => requireSnapThreat(threat, request, metric));
  if (randomness !== null) {
    add("randomness", "a seed of its origin", () => {
      if (request !== null && isZero(field(request.parameters, "temperature"))) {
        throw new Invalid("randomness is stated of a greedy text, which draws nothing");
      }
      requireSeed("randomness", randomness.seed, randomness.origin);
    });
  }
  return checks;
}

/** Returns whether Python takes a value for equal to 0. */
function isZero(value: unknown): boolean {
  return value === 0 || value === false;
}

function requireSnapThreat(stated: SnapThreat, request: RequestIdentity | null, metric: MetricIdentity | null): void {
  requireDigest("threat.table", stated.table);
  if (stated.tokens < 1) throw new Invalid("threat.tokens must be at least 1");
  if (!(stated.squaredError >= 0)) throw new Invalid("threat.squared_error must be at least 0");
  if (stated.attackOn.startsWith(PLUGIN) && stated.attackOn !== PLUGIN) return;
  const modality = MODALITIES.get(stated.attackOn);
  if (modality === undefined) throw new Invalid("threat.attack_on is in words that no adapter writes");
  const measured = metric === null ? undefined : METRICS.get(metric.name);
  if (measured !== undefined && measured.modality !== modality) {
    throw new Invalid(`threat.attack_on is on ${modality}s, and metric ${measured.name} is not`);
  }
  requireTurnsAsAsked(stated.attackOn, request);
  if (modality === "image") requireHeldByPictures(stated, request);
  else if (stated.attackOn === USER_TURNS) requireHeldByTurns(stated, request);
  else requireHeldByTexts(stated, request);
}

function requireHeldByTurns(stated: SnapThreat, request: RequestIdentity | null): void {
  const tokens = requireHeldBesideTurns(stated.heldFixed, request);
  if (stated.tokens !== tokens) throw new Invalid(`threat.tokens must be ${tokens}, those of the user's turns`);
}

function requireHeldByTexts(stated: SnapThreat, request: RequestIdentity | null): void {
  const sent = request !== null && has(request.parameters, "prompt_embeds");
  if (stated.attackOn === GIVEN_EMBEDDINGS && request !== null && !sent) {
    throw new Invalid("threat.attack_on names embeddings that were sent, and the request has no prompt_embeds");
  }
  const [count, mask, ...around] = stated.heldFixed;
  const rendered = [TEMPLATE, EARLIER_TURNS];
  const possible = around.length <= rendered.length && around.every((held, k) => (rendered[k] as RegExp).test(held));
  const plain = count === `token count (${stated.tokens})` && mask === MASK;
  if (!plain || !possible || !isRendered(around.length, request)) {
    throw new Invalid("threat.held_fixed does not fit the tokens and the request");
  }
}

/** Returns whether a template is held fixed exactly where the request renders one, and earlier turns besides. */
function isRendered(around: number, request: RequestIdentity | null): boolean {
  if (request === null) return true;
  const chat = field(request.parameters, "chat") === true && request.template !== EMPTY_TEMPLATE;
  const history = chat && has(request.parameters, "history");
  return around === Number(chat) + Number(history);
}

function requireHeldByPictures(stated: SnapThreat, request: RequestIdentity | null): void {
  const held = (negative: boolean): string[] => [
    `token count (${stated.tokens})`,
    SURROUNDING,
    MASK,
    negative ? NEGATIVE_PROMPT : EMPTY_PROMPT,
  ];
  let possible = [held(false), held(true)];
  if (request !== null) {
    if (parameterOf(request, "image") !== null) throw new Invalid("threat.attack_on does not go with a seed image");
    possible = [held(isTruthy(parameterOf(request, "negative_prompt")))];
  }
  if (!possible.some((fixed) => sameJson(fixed, [...stated.heldFixed]))) {
    throw new Invalid("threat.held_fixed does not fit the tokens and the request");
  }
}
