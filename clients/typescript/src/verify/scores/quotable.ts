/** The texts of a document that its statement may quote, and cut with their digest where they are long. */

import { dumped } from "../json/canonical.js";
import { field, isObject, type Json, type JsonObject } from "../json/data.js";

/** Returns every text in the document, and the options of its claims on scores as the JSON that statements quote. */
export function quotable(document: JsonObject): string[] {
  return [...textsIn(document), ...optionsIn(field(document, "claims"))];
}

function* textsIn(value: Json): Generator<string> {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) for (const inner of value) yield* textsIn(inner);
  else if (isObject(value)) {
    for (const [name, inner] of Object.entries(value)) if (name !== "evidence") yield* textsIn(inner);
  }
}

function* optionsIn(claims: Json | undefined): Generator<string> {
  for (const claim of Array.isArray(claims) ? claims : []) {
    const score = isObject(claim) ? field(claim, "score") : undefined;
    const options = isObject(score) ? field(score, "options") : undefined;
    if (!isObject(options)) continue;
    yield dumped(options);
    for (const [name, inner] of Object.entries(options)) yield dumped(inner, options, name);
  }
}
