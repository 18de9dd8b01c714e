/** What a certificate of units defends: which units may be altered, and what around them no attack touches. */

import { asList, asObject, asString, field, has, requireFields, type Json } from "../json/data.js";
import { isBlank } from "../meaning/blank.js";
import { requireDigest } from "../meaning/origin.js";
import { requireLastTurn } from "../meaning/turns.js";
import type { RequestIdentity } from "../sections.js";
import { Invalid } from "../verdict.js";

export const WORDS = "words";
/** The kinds of units that requests know, and what one of them is called. */
export const KINDS: ReadonlyMap<string, string> = new Map([
  ["passages", "passage"],
  [WORDS, "word"],
]);
const PROMPT = "the prompt around the units";
const TEMPLATE = "the chat template";
const TURNS = "the earlier turns of the conversation";
const PARAMETERS = "the model and its parameters";
const SELECTION = "what chose the units and put them in order, such as a retriever";
/** What no attack touches, in the words that adapters write. */
export const HELD_FIXED: readonly string[] = [PROMPT, TEMPLATE, TURNS, PARAMETERS, SELECTION];

export interface UnitsThreat {
  readonly kind: string;
  readonly heldFixed: readonly string[];
  /** The digest of the units and of the prompt around them; null where it is not stated. */
  readonly digest: string | null;
}

export function readUnitsThreat(value: Json | undefined): UnitsThreat {
  const fields = asObject(value, "threat");
  requireFields(fields, "threat", ["attack_on", "held_fixed"], ["digest"]);
  return {
    kind: asString(fields["attack_on"], "threat.attack_on"),
    heldFixed: asList(fields["held_fixed"], "threat.held_fixed").map((held) => asString(held, "threat.held_fixed")),
    digest: has(fields, "digest") ? asString(fields["digest"], "threat.digest") : null,
  };
}

/** Returns whether it is known here what the units are, and all that is held fixed. */
export function isKnownThreat({ kind, heldFixed }: UnitsThreat): boolean {
  return KINDS.has(kind) && heldFixed.every((held) => HELD_FIXED.includes(held));
}

/** Throws Invalid for a threat that names nothing, leaves open what surrounds the units, or does not fit the request. */
export function requireUnitsThreat(stated: UnitsThreat, request: RequestIdentity | null): void {
  if (isBlank(stated.kind)) throw new Invalid("threat.attack_on must name the units");
  if (KINDS.has(stated.kind)) {
    if (![PROMPT, SELECTION].every((held) => stated.heldFixed.includes(held))) {
      throw new Invalid(`threat.held_fixed must have "${PROMPT}" and "${SELECTION}"`);
    }
    requireLastTurn(request);
    if (request !== null) requireHeldAsAsked(stated, request);
  }
  if (stated.digest !== null) requireDigest("threat.digest", stated.digest);
}

function requireHeldAsAsked({ heldFixed }: UnitsThreat, { parameters }: RequestIdentity): void {
  const asked: [string, boolean][] = [
    [TEMPLATE, field(parameters, "chat") === true],
    [TURNS, has(parameters, "history")],
  ];
  for (const [held, isThere] of asked) {
    if (heldFixed.includes(held) !== isThere) {
      throw new Invalid(`threat.held_fixed must have "${held}" exactly where the request has it`);
    }
  }
}
