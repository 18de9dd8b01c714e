/** What a metric's name means: its description, D, D_c from the centre, band. */

import { NO_SAMPLES, ORDER_STATISTICS, TWO_VALUED } from "../bounds/band.js";
import { field, isObject, requireFields, shown, type Json, type JsonObject } from "../json/data.js";
import { unpackedBytes, unpackedNumbers } from "../json/packed.js";
import { repr } from "../numbers/decimal.js";
import { exactSum } from "../numbers/doubles.js";
import type { MetricIdentity } from "../sections.js";
import { Invalid } from "../verdict.js";
import { isBlank } from "./blank.js";
import { PLUGIN } from "./quoting.js";

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const ROUNDING = 1e-9;

export interface MetricMeaning {
  readonly name: string;
  readonly description: string;
  /** D without a cap. */
  readonly diameter: number;
  readonly band: string;
  readonly modality: "text" | "image";
  /** The names of what else defines it. */
  readonly options: readonly string[];
  readonly mayBeCapped: boolean;
  /** Returns the least and the largest D_c that a centre allows. Throws Invalid for what is no centre. */
  bound(centre: JsonObject): readonly [number, number];
}

export function described(metric: MetricMeaning, cap: number | null): string {
  return cap === null ? metric.description : `${metric.description}, capped at ${repr(cap)}`;
}

function chord(centre: JsonObject): [number, number] {
  requireCentre(centre, "mean feature", ["encoding", "value", "norm"]);
  const bytes = centreBytes(centre, "float32-le/base64");
  const feature = unpackedNumbers(bytes, 4, "metric.centre.value");
  const norm = feature.every(Number.isFinite) ? Math.sqrt(exactSum(feature.map((x) => x * x))) : NaN;
  if (feature.length === 0 || !(norm <= 1 + 1e-6)) throw centreError("a mean of unit-norm features has norm 1 at most");
  const stated = centre["norm"];
  if (typeof stated !== "number" || !isClose(stated, norm, ROUNDING, 1e-12)) {
    throw centreError(`norm is stated as ${shown(stated)}, the value has ${norm}`);
  }
  return [1 + norm, (1 + norm) * (1 + ROUNDING)];
}

function absolute(centre: JsonObject): [number, number] {
  requireCentre(centre, "median", ["value"]);
  const c = centre["value"];
  if (typeof c !== "number" || !(c >= 0 && c <= 1)) throw centreError(`value must be a number in [0, 1]`);
  return [Math.max(c, 1 - c), Math.max(c, 1 - c)];
}

function pixels(centre: JsonObject): [number, number] {
  requireCentre(centre, "mean picture", ["encoding", "value"]);
  const bytes = centreBytes(centre, "png/base64");
  if (!PNG.every((byte, k) => bytes[k] === byte)) throw centreError("value is no PNG picture");
  return [0.5, 1];
}

function edit(centre: JsonObject): [number, number] {
  requireCentre(centre, "medoid text", ["value"]);
  if (typeof centre["value"] !== "string") throw centreError("value must be a text");
  return [1, 1];
}

function answer(centre: JsonObject): [number, number] {
  requireCentre(centre, "label", ["label"]);
  const label = centre["label"];
  if (typeof label !== "string" && label !== null) throw centreError("label must be a text or null");
  return [1, 1];
}

function chordOf(name: string, features: string, modality: "text" | "image"): MetricMeaning {
  const description = `the chord distance of unit-norm ${features} (0 to 2)`;
  const common = { diameter: 2, band: ORDER_STATISTICS, options: ["encoder"], mayBeCapped: true, bound: chord };
  return { name, description, modality, ...common };
}

const ALL: readonly MetricMeaning[] = [
  chordOf("sentence-chord", "sentence embeddings", "text"),
  {
    name: "edit",
    description: "normalised edit distance over words (0 to 1)",
    diameter: 1,
    band: ORDER_STATISTICS,
    modality: "text",
    options: ["tokens"],
    mayBeCapped: true,
    bound: edit,
  },
  {
    name: "label",
    description: "the share of outputs whose extracted answer differs (0 to 1)",
    diameter: 1,
    band: TWO_VALUED,
    modality: "text",
    options: ["extract"],
    mayBeCapped: false,
    bound: answer,
  },
  {
    name: "absolute",
    description: "absolute difference of numbers in [0, 1]",
    diameter: 1,
    band: ORDER_STATISTICS,
    modality: "text",
    options: [],
    mayBeCapped: true,
    bound: absolute,
  },
  {
    name: "pixel-rmse",
    description: "the root mean square difference of pixel channels scaled to [0, 1] (0 to 1)",
    diameter: 1,
    band: ORDER_STATISTICS,
    modality: "image",
    options: [],
    mayBeCapped: true,
    bound: pixels,
  },
  chordOf("feature-chord", "features of the model's picture classifier", "image"),
  chordOf("vision-chord", "features of a vision model", "image"),
  {
    name: "verdict",
    description: "the share of pictures the model's classifier calls otherwise (0 to 1)",
    diameter: 1,
    band: TWO_VALUED,
    modality: "image",
    options: ["classifier"],
    mayBeCapped: false,
    bound: answer,
  },
];
export const METRICS: ReadonlyMap<string, MetricMeaning> = new Map(ALL.map((metric) => [metric.name, metric]));

/** Extraction rules by kind, and what each needs. */
const RULES: ReadonlyMap<string, readonly string[]> = new Map([
  ["regex", ["pattern"]],
  ["number", []],
  ["first_line", []],
  ["json_field", ["field"]],
]);

/** Returns the metric of this name, null for a plug-in's. Throws Invalid for an unknown plain name and a wrong cap. */
export function metricNamed(name: string, cap: number | null): MetricMeaning | null {
  const metric = METRICS.get(name);
  if (metric === undefined) {
    if (name.startsWith(PLUGIN) && name !== PLUGIN) return null;
    throw new Invalid(`metric.name is ${shown(name)}, which is none of [${[...METRICS.keys()]}] and no plug-in's`);
  }
  if (cap !== null && !(metric.mayBeCapped && cap > 0)) throw new Invalid(`metric ${name} cannot be capped at ${cap}`);
  return metric;
}

/** Holds a metric section of a certificate of noise to what its name means. Throws Invalid. */
export function requireMetric(stated: MetricIdentity, diameter: number, bound: number, band: string): void {
  const metric = metricNamed(stated.name, stated.cap);
  if (metric === null) return;
  const cap = stated.cap ?? Infinity;
  const sampled = band !== NO_SAMPLES;
  const meant = Math.min(metric.diameter, cap);
  const hasCentre = Object.keys(stated.centre).length > 0;
  const [least, most] = sampled || hasCentre ? metric.bound(stated.centre) : [meant, meant];
  const inside = Math.min(least, cap) <= bound && bound <= Math.min(most, cap);
  const noOptions = Object.keys(stated.options).length === 0;
  requireAsNamed(stated, [
    ["metric.description", stated.description === described(metric, stated.cap)],
    ["band", band === metric.band || !sampled],
    ["diameter", diameter === meant],
    ["bound", !sampled || inside],
    ["metric.options", sameNames(stated.options, metric.options) || !(sampled || !noOptions)],
  ]);
}

/**
 * Holds a metric section of an exhaustive certificate to what its name means. Distances are to the prompt's own output,
 * so the centre is empty, or the answer of that output. Throws Invalid.
 *
 * distances: of the runs, infinite where one failed.
 */
export function requireMetricToOwnOutput(stated: MetricIdentity, diameter: number, distances: readonly number[]): void {
  const metric = metricNamed(stated.name, stated.cap);
  const twoValued = metric !== null && metric.band === TWO_VALUED;
  const hasCentre = Object.keys(stated.centre).length > 0;
  if (hasCentre && !twoValued) throw centreError("must be empty: distances are to the prompt's own output");
  if (metric === null) return;
  const least = stated.cap === null ? metric.diameter : Math.min(metric.diameter, stated.cap);
  if (hasCentre) metric.bound(stated.centre);
  requireAsNamed(stated, [
    ["metric.description", stated.description === described(metric, stated.cap)],
    ["diameter", diameter === least],
    ["metric.options", sameNames(stated.options, metric.options)],
  ]);
  const between = twoValued ? distances.find((d) => d > 0 && d < least) : undefined;
  if (between !== undefined) throw new Invalid(`metric ${stated.name} has no distance ${between}`);
}

function requireAsNamed(stated: MetricIdentity, properties: readonly (readonly [string, boolean])[]): void {
  for (const [name, isAsNamed] of properties) {
    if (!isAsNamed) throw new Invalid(`${name} is not what metric ${stated.name} means`);
  }
  const rule = field(stated.options, "extract");
  if (rule !== undefined) requireRule(rule);
}

/** Throws Invalid unless a metric, as a request names it, has exactly the options that its name needs. */
export function requireAskedOptions(metric: MetricMeaning, asked: JsonObject): void {
  const needed = { label: ["extract"], "vision-chord": ["model"] }[metric.name] ?? [];
  requireFields(asked, "metric", ["name", ...needed], metric.mayBeCapped ? ["cap"] : []);
  const [model, rule] = [field(asked, "model"), field(asked, "extract")];
  if (model !== undefined && (typeof model !== "string" || isBlank(model))) {
    throw new Invalid(`metric.model must name a vision model, got ${shown(model)}`);
  }
  if (rule !== undefined) requireRule(rule);
}

function requireRule(rule: Json): void {
  const kind = isObject(rule) ? field(rule, "kind") : undefined;
  const needs = typeof kind === "string" ? RULES.get(kind) : undefined;
  const fits =
    isObject(rule) &&
    needs !== undefined &&
    sameNames(rule, ["kind", ...needs]) &&
    needs.every((name) => typeof rule[name] === "string" && rule[name] !== "");
  if (!fits) throw new Invalid(`metric.options.extract must be an extraction rule, got ${shown(rule)}`);
}

function requireCentre(centre: JsonObject, kind: string, fields: readonly string[]): void {
  requireFields(centre, "metric.centre", ["kind", ...fields]);
  if (centre["kind"] !== kind) throw centreError(`must be of kind ${kind}`);
}

function centreBytes(centre: JsonObject, encoding: string): Uint8Array<ArrayBuffer> {
  if (centre["encoding"] !== encoding) throw centreError(`encoding must be ${encoding}`);
  return unpackedBytes(centre["value"], "metric.centre.value", false);
}

function centreError(message: string): Invalid {
  return new Invalid(`metric.centre: ${message}`);
}

export function sameNames(object: JsonObject, names: readonly string[]): boolean {
  const keys = Object.keys(object);
  return keys.length === names.length && keys.every((key) => names.includes(key));
}

/** Returns whether two numbers are close, as Python's math.isclose says. */
export function isClose(a: number, b: number, relative: number, least = 0): boolean {
  return a === b || Math.abs(a - b) <= Math.max(relative * Math.max(Math.abs(a), Math.abs(b)), least);
}
