/** Attacks on all of the user's turns: what they are called, and what is held fixed then. */

import { field, has } from "../json/data.js";
import type { RequestIdentity } from "../sections.js";
import { Invalid } from "../verdict.js";
import { EMPTY_TEMPLATE, MASK, TEMPLATE } from "./held.js";

/** What is attacked where a request asks for attacked_turns "user": all of the user's turns, the prompt too. */
export const USER_TURNS = "token embeddings of the user's turns";
export const COUNTED_TURNS = /^token counts of the user's turns \(([1-9][0-9]{0,9}(?:, [1-9][0-9]{0,9}){0,128})\)$/;
export const OTHER_TURNS = /^turns that are not the user's \((0|[1-9][0-9]{0,2})\)$/;
/** The turns that a request may have before its prompt. */
const MOST_EARLIER_TURNS = 128;

/** Returns whether a request asks for attacks on all of the user's turns. */
export function attacksUserTurns(request: RequestIdentity | null): boolean {
  return request !== null && (field(request.parameters, "attacked_turns") ?? null) !== null;
}

/** Throws Invalid where a request asks for attacks on all turns under a method that knows of none. */
export function requireLastTurn(request: RequestIdentity | null): void {
  if (attacksUserTurns(request)) {
    throw new Invalid("request.parameters.attacked_turns is stated, and this method alters the last turn alone");
  }
}

/** Throws Invalid where a request asks for other turns than those that are attacked. */
export function requireTurnsAsAsked(attackOn: string, request: RequestIdentity | null): void {
  if (request !== null && attacksUserTurns(request) !== (attackOn === USER_TURNS)) {
    throw new Invalid(`threat.attack_on: request.parameters.attacked_turns is "user" exactly for the ${USER_TURNS}`);
  }
}

/** Returns how many tokens the attacked turns have together, by what is held fixed beside them. Throws Invalid. */
export function requireHeldBesideTurns(heldFixed: readonly string[], request: RequestIdentity | null): number {
  const [counted, mask, ...around] = heldFixed;
  const counts = (COUNTED_TURNS.exec(counted ?? "")?.[1] ?? "").split(", ").map(Number);
  const templated = TEMPLATE.test(around[0] ?? "");
  const [others, ...rest] = templated ? around.slice(1) : around;
  const other = others === undefined ? 0 : Number(OTHER_TURNS.exec(others)?.[1]);
  const earlier = counts.length - 1 + other;
  let fits = counts.every((count) => count >= 1) && mask === MASK && rest.length === 0;
  fits &&= earlier <= MOST_EARLIER_TURNS && (others !== undefined) === earlier > 0;
  if (request !== null) {
    fits &&= field(request.parameters, "chat") === true && templated === (request.template !== EMPTY_TEMPLATE);
    fits &&= has(request.parameters, "history") === (others !== undefined);
  }
  if (!fits) throw new Invalid("threat.held_fixed does not fit the user's turns and the request");
  return counts.reduce((sum, count) => sum + count, 0);
}
