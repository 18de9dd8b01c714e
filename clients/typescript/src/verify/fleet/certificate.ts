/** The certificate of a fleet as its document states it, of method fleet/v1 or fleet/v2. */

import { requireAlpha } from "../bounds/band.js";
import { requireSlack, type Method } from "../bounds/shiftBounds.js";
import {
  asList,
  asNumber,
  asObject,
  asString,
  isWhole,
  requireFields,
  wholeNumber,
  wholeOrNull,
  type Json,
  type JsonObject,
} from "../json/data.js";
import { LARGEST_SHIFT_IN_SIGMAS, readMechanism, type Mechanism } from "../mechanisms/mechanism.js";
import { points, type Point } from "../spread/certificate.js";
import { requireLength } from "../spread/evidence.js";
import { Invalid } from "../verdict.js";
import { FRACTIONS, GRID, LOOKS } from "./levels.js";
import { readSubject, type FleetSubject } from "./subject.js";

/** Fleet certificates use T2, not T2′: the largest over s is no concave function of the survival, so it has no average over requests. */
const COMMON = { oscillation: false, failuresAtDiameter: true };
export const FLEET_V1: Method = { name: "fleet/v1", schema: "smoothgen/fleet/v1", ...COMMON, furthest: Infinity };
export const FLEET_V2: Method = {
  ...{ name: "fleet/v2", schema: "smoothgen/fleet/v2" },
  ...COMMON,
  furthest: LARGEST_SHIFT_IN_SIGMAS,
};

export interface Fleet {
  readonly document: JsonObject;
  readonly method: Method;
  /** For each threshold of the grid how many requests exceed it; outstanding ones exceed all. */
  readonly counts: readonly number[];
  readonly requests: number;
  readonly outstanding: number;
  /** Submissions that were refused before any noise was drawn. */
  readonly leftOut: number;
  readonly submitted: number;
  readonly diameter: number;
  readonly mechanism: Mechanism;
  readonly alpha: number;
  readonly confidence: number;
  readonly closed: boolean;
  /** j where the first 2^j requests of a running window were looked at. */
  readonly look: number | null;
  readonly lookAlpha: number;
  readonly roundingSlack: number;
  /** Null in fleet/v1 alone. */
  readonly subject: FleetSubject | null;
  readonly curve: readonly Point[];
}

const REQUIRED = [
  ...["schema", "method", "statement", "grid", "counts", "requests", "outstanding", "left_out", "submitted"],
  ...["diameter", "mechanism", "confidence", "alpha", "closed", "look", "look_alpha", "curve"],
];

/** Returns the method of this schema and name, null where there is none. */
export function fleetMethodOf(schema: Json | undefined, name: Json | undefined): Method | null {
  return [FLEET_V1, FLEET_V2].find((method) => method.schema === schema && method.name === name) ?? null;
}

/** Reads a certificate as stated. Throws Invalid for what is missing, of the wrong kind, or contradicts itself. */
export function readFleet(document: JsonObject, method: Method): Fleet {
  const first = method === FLEET_V1;
  requireFields(
    document,
    "a fleet certificate",
    first ? REQUIRED : [...REQUIRED, "subject", "rounding_slack", "digest"],
  );
  const number = (name: string): number => asNumber(document[name], name);
  const whole = (name: string): number => wholeNumber(document, name, name);
  const listed = asList(document["counts"], "counts");
  asString(document["statement"], "statement");
  if (typeof document["closed"] !== "boolean") throw new Invalid("closed must be true or false");
  if (document["grid"] !== GRID) throw new Invalid(`grid must be ${GRID}`);
  const fleet: Fleet = {
    document,
    method,
    counts: listed.map((count, k) => (isWhole(listed, k) ? (count as number) : NaN)),
    requests: whole("requests"),
    outstanding: whole("outstanding"),
    leftOut: whole("left_out"),
    submitted: whole("submitted"),
    diameter: number("diameter"),
    mechanism: readMechanism(asObject(document["mechanism"], "mechanism")),
    alpha: number("alpha"),
    confidence: number("confidence"),
    closed: document["closed"],
    look: wholeOrNull(document, "look", "look"),
    lookAlpha: number("look_alpha"),
    roundingSlack: first ? 0 : number("rounding_slack"),
    subject: first ? null : readSubject(document["subject"]),
    curve: points(document["curve"], "curve"),
  };
  requireSound(fleet);
  return fleet;
}

function requireSound({ counts, requests, outstanding, leftOut, submitted, closed, look, ...rest }: Fleet): void {
  requireAlpha(rest.alpha);
  requireLength("diameter", rest.diameter);
  requireSlack(rest.roundingSlack);
  if (counts.length !== FRACTIONS.length) throw new Invalid(`counts must hold ${FRACTIONS.length} whole numbers`);
  const falling = [requests, ...counts, outstanding, 0];
  if (!falling.every((count, k) => k === 0 || count <= (falling[k - 1] as number))) {
    throw new Invalid("counts must fall from at most `requests` to at least `outstanding` ≥ 0");
  }
  if (leftOut < 0 || requests + leftOut > submitted) throw new Invalid("requests and left_out are part of submitted");
  if (closed) {
    if (look !== null || requests + leftOut !== submitted)
      throw new Invalid("a closed window has no look and all requests");
    return;
  }
  if (look !== null && !(look >= 0 && look < LOOKS)) throw new Invalid(`look must lie in [0, ${LOOKS})`);
  if (requests !== (look === null ? 0 : 2 ** look)) throw new Invalid("the look is not one of so many requests");
}
