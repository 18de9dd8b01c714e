/** What a fleet certificate is about: the requests of one pool that were submitted in one window of time. */

import { canonical, sha256 } from "../json/canonical.js";
import {
  asNumber,
  asObject,
  asString,
  field,
  has,
  requireFields,
  wholeOrNull,
  type Json,
  type JsonObject,
} from "../json/data.js";
import { isBlank } from "../meaning/blank.js";
import { described, metricNamed, requireAskedOptions, type MetricMeaning } from "../meaning/metrics.js";
import { requireDigest } from "../meaning/origin.js";
import { quoted, type LongTexts } from "../meaning/quoting.js";
import { repr } from "../numbers/decimal.js";
import { Invalid } from "../verdict.js";
import type { Fleet } from "./certificate.js";

/** A pool's D over its metric's. It is above 1 because a served output's features are rounded when they become the centre. */
const CENTRE_SLACK = 1 + 1e-6;
/** The largest x whose request a pool may hold. */
const MOST_NUMBERS = 2 ** 22;
const [HOUR, DAY] = [3_600_000, 86_400_000];
const WINDOW = /^(?:hour:([1-9][0-9]{3}-[0-9]{2}-[0-9]{2})T([0-9]{2})|day:([1-9][0-9]{3}-[0-9]{2}-[0-9]{2}))$/;

export interface FleetSubject {
  readonly document: JsonObject;
  readonly pool: string;
  readonly model: string;
  readonly digest: string;
  /** As requests name it, with its options. */
  readonly asked: JsonObject;
  /** Null where a plug-in defines it. */
  readonly metric: MetricMeaning | null;
  readonly cap: number | null;
  readonly randomness: string;
  /** The most numbers that x has in any of the requests; null in pools of releases before fleet/v2. */
  readonly largestDimension: number | null;
  readonly window: string;
  readonly snap: string | null;
}

export function readSubject(value: Json | undefined): FleetSubject {
  const fields = asObject(value, "subject");
  const required = ["pool", "model", "digest", "metric", "randomness", "largest_dimension", "window"];
  requireFields(fields, "subject", required, ["snap"]);
  const text = (name: string): string => asString(fields[name], `subject.${name}`);
  const asked = asObject(fields["metric"], "subject.metric");
  const cap = (field(asked, "cap") ?? null) === null ? null : asNumber(asked["cap"], "subject.metric.cap");
  return {
    document: fields,
    pool: text("pool"),
    model: text("model"),
    digest: text("digest"),
    asked,
    metric: metricNamed(asString(field(asked, "name"), "subject.metric.name"), cap),
    cap,
    randomness: text("randomness"),
    largestDimension: wholeOrNull(fields, "largest_dimension", "subject.largest_dimension"),
    window: text("window"),
    snap: has(fields, "snap") ? text("snap") : null,
  };
}

/** Returns why its words do not fix what its numbers mean, null where they do. */
export function unknownMeaning({ metric, largestDimension }: FleetSubject): string | null {
  if (metric === null) return "metric defined by a plug-in";
  return largestDimension === null ? "its pool does not say how many numbers x has at most" : null;
}

/** Returns which requests these are, in words that follow "on average over N requests". */
export function said(subject: FleetSubject, long: LongTexts): string {
  const { metric, model, digest, window, cap, asked } = subject;
  const measured =
    metric === null ? `what this document calls ${quoted(String(asked["name"]), long)}` : described(metric, cap);
  return `to model ${quoted(model, long)} (${digest}) in ${window.replace(":", " ")} (UTC), measured by ${measured}`;
}

/** Throws Invalid where the subject does not fit itself, D, the noise and its rounding slack. own: the pool's own name. */
export function requireSubject(
  subject: FleetSubject,
  { diameter, mechanism, roundingSlack }: Fleet,
  own: string,
): void {
  const { metric, cap, largestDimension } = subject;
  requireDigest("subject.digest", subject.digest);
  if (isBlank(subject.model) || !/^[0-9a-f]{16}$/.test(subject.pool))
    throw subjectError("must name a model and a pool");
  if (subject.snap !== null) requireDigest("subject.snap", subject.snap);
  if (subject.randomness !== "common" && subject.randomness !== "fresh") throw subjectError("has another randomness");
  if (metric !== null) {
    const largest = Math.min(metric.diameter, cap ?? Infinity) * CENTRE_SLACK;
    if (diameter !== largest) throw subjectError(`has a metric of diameter ${largest}, not ${diameter}`);
    if (mechanism.noise.name !== "gaussian") throw subjectError("is of pools, which are drawn with Gaussian noise");
  }
  if (largestDimension === null) return;
  if (!(largestDimension >= 1 && largestDimension <= MOST_NUMBERS)) {
    throw subjectError(`largest_dimension must lie in [1, ${MOST_NUMBERS}]`);
  }
  const least = mechanism.roundingSlack(largestDimension);
  if (roundingSlack < least * (1 - 1e-12)) throw subjectError(`needs a rounding_slack of ${repr(least)} at least`);
  if (metric !== null) requireAskedOptions(metric, subject.asked);
  if (own !== subject.pool) throw subjectError(`pool is ${subject.pool}, and a pool of these requests is ${own}`);
}

/** Returns the short name of the pool of such requests: the same for the same pool, everywhere. */
export async function poolOf({ document }: FleetSubject, fleet: JsonObject): Promise<string> {
  const pool = Object.assign(Object.create(null) as JsonObject, document, {
    mechanism: fleet["mechanism"],
    diameter: fleet["diameter"],
  });
  delete pool["pool"];
  delete pool["window"];
  const digest = await sha256(new TextEncoder().encode(canonical(pool)));
  return digest.slice("sha256:".length, "sha256:".length + 16);
}

/** Throws Invalid for what is no window, one that has not begun, or one that is called closed while its time runs. */
export function requireWindow({ window }: FleetSubject, closed: boolean, now: Date): void {
  const [, dayOfHour, hour, day] = WINDOW.exec(window) ?? [];
  const date = dayOfHour ?? day ?? "";
  const start = new Date(`${date}T${hour ?? "00"}:00:00.000Z`);
  const isDate = !Number.isNaN(start.getTime()) && start.toISOString().startsWith(`${date}T${hour ?? "00"}`);
  const end = start.getTime() + (hour === undefined ? DAY : HOUR);
  if (!isDate || new Date(end).getUTCFullYear() > 9999)
    throw new Invalid(`subject.window ${window} is no hour and no day`);
  if (now.getTime() < (closed ? end : start.getTime())) {
    throw new Invalid(`the window ${window} cannot be ${closed ? "closed" : "read"} at ${now.toISOString()}`);
  }
}

function subjectError(message: string): Invalid {
  return new Invalid(`subject ${message}`);
}
