/** Of which kind a request's generation parameters are, by name, as a server writes them into a document. */

import { isObject, isWhole, shown, type Json, type JsonObject } from "../json/data.js";
import { Invalid } from "../verdict.js";
import { sameNames } from "./metrics.js";

export const DIGEST = /^sha256:[0-9a-f]{64}$/;

type Fits = (value: Json, parameters: JsonObject, name: string) => boolean;

const isCount: Fits = (value, parameters, name) => isWhole(parameters, name) && (value as number) >= 1;
const isNotNegative: Fits = (value) => typeof value === "number" && value >= 0;
const isShare: Fits = (value) => typeof value === "number" && value > 0 && value <= 1;
const isDigest: Fits = (value) => typeof value === "string" && DIGEST.test(value);
const isText: Fits = (value) => typeof value === "string";
const isFlag: Fits = (value) => typeof value === "boolean";
const isStops: Fits = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((text) => typeof text === "string" && text !== "");

const isNamedEmbeddings: Fits = (value) => {
  if (!isObject(value) || !sameNames(value, ["shape", "data"])) return false;
  const shape = value["shape"] as Json;
  const sides =
    Array.isArray(shape) && shape.length === 2 && shape.every((side, k) => isWhole(shape, k) && (side as number) >= 1);
  return sides && isDigest(value["data"] as Json, value, "data");
};

const KINDS: ReadonlyMap<string, Fits> = new Map([
  ["max_new_tokens", isCount],
  ["temperature", isNotNegative],
  ["top_k", isCount],
  ["top_p", isShare],
  ["chat", isFlag],
  ["history", isDigest],
  ["attacked_turns", (value) => value === "user"],
  ["stop", isStops],
  ["prompt_embeds", isNamedEmbeddings],
  ["num_inference_steps", isCount],
  ["guidance_scale", isNotNegative],
  ["negative_prompt", isText],
  ["width", isCount],
  ["height", isCount],
  ["scheduler", isText],
  ["image", isDigest],
  ["strength", isShare],
]);

/** Throws Invalid for a parameter that we know by name and whose value is of another kind; null is one left open. */
export function requireParameters(parameters: JsonObject): void {
  for (const [name, value] of Object.entries(parameters)) {
    const fits = KINDS.get(name);
    if (fits !== undefined && value !== null && !fits(value, parameters, name)) {
      throw new Invalid(`request.parameters.${name} is of another kind: ${shown(value)}`);
    }
  }
}
