/** What a certificate is about: its sections of provenance, read kind by kind. */

import { Invalid } from "./verdict.js";
import {
  asList,
  asNumber,
  asObject,
  asString,
  field,
  has,
  requireFields,
  wholeNumber,
  type Json,
  type JsonObject,
} from "./json/data.js";

export interface RequestIdentity {
  readonly promptDigest: string;
  readonly parameters: JsonObject;
  readonly template: string | null;
  readonly contextDigest: string | null;
}
export interface ModelIdentity {
  readonly name: string;
  readonly revision: string;
  readonly digest: string;
}
export interface MetricIdentity {
  readonly name: string;
  readonly description: string;
  readonly cap: number | null;
  readonly options: JsonObject;
  readonly centre: JsonObject;
}
export interface Sampling {
  readonly seed: string;
  readonly seedOrigin: "server" | "client";
  readonly noiseScheme: string;
  readonly randomness: string;
  readonly selectionSamples: number;
  readonly precision: string | null;
  readonly batchSize: number | null;
  readonly batchSensitivity: number | null;
  readonly snap: string | null;
}
export interface OutputIdentity {
  readonly kind: string;
  readonly mediaType: string;
  readonly digest: string;
  readonly distanceToCentre: number | null;
}
export interface Threat {
  readonly attackOn: string;
  readonly dimension: number;
  readonly embeddingNorm: number;
  readonly noiseNorm: number;
  readonly heldFixed: readonly string[];
}

/** The sections, each null where nothing is known. */
export interface Provenance {
  readonly request: RequestIdentity | null;
  readonly model: ModelIdentity | null;
  readonly metric: MetricIdentity | null;
  readonly sampling: Sampling | null;
  readonly output: OutputIdentity | null;
  readonly threat: Threat | null;
}

export const SECTIONS = ["request", "model", "metric", "sampling", "output", "threat"] as const;

/** Reads the sections of a document of noise. Throws Invalid naming the field that does not fit. */
export function readProvenance(document: JsonObject): Provenance {
  return {
    ...readSectionsOfRuns(document),
    sampling: read(document, "sampling", sampling),
    threat: read(document, "threat", threat),
  };
}

/** Reads the sections that documents without noise have too. */
export function readSectionsOfRuns(document: JsonObject): Provenance {
  return {
    request: read(document, "request", request),
    model: read(document, "model", model),
    metric: read(document, "metric", metric),
    sampling: null,
    output: read(document, "output", output),
    threat: null,
  };
}

function read<Section>(document: JsonObject, name: string, section: (fields: JsonObject) => Section): Section | null {
  return has(document, name) ? section(asObject(document[name], name)) : null;
}

function request(fields: JsonObject): RequestIdentity {
  requireFields(fields, "request", ["prompt_digest", "parameters"], ["template", "context_digest"]);
  return {
    promptDigest: asString(fields["prompt_digest"], "request.prompt_digest"),
    parameters: asObject(fields["parameters"], "request.parameters"),
    template: optionalString(fields, "template", "request.template"),
    contextDigest: optionalString(fields, "context_digest", "request.context_digest"),
  };
}

function model(fields: JsonObject): ModelIdentity {
  requireFields(fields, "model", ["name", "revision", "digest"]);
  return {
    name: asString(fields["name"], "model.name"),
    revision: asString(fields["revision"], "model.revision"),
    digest: asString(fields["digest"], "model.digest"),
  };
}

function metric(fields: JsonObject): MetricIdentity {
  requireFields(fields, "metric", ["name", "description", "cap", "options", "centre"]);
  return {
    name: asString(fields["name"], "metric.name"),
    description: asString(fields["description"], "metric.description"),
    cap: nullOr(asNumber, fields["cap"], "metric.cap"),
    options: asObject(fields["options"], "metric.options"),
    centre: asObject(fields["centre"], "metric.centre"),
  };
}

function sampling(fields: JsonObject): Sampling {
  const required = ["seed", "seed_origin", "noise_scheme", "randomness", "selection_samples"];
  requireFields(fields, "sampling", required, ["precision", "batch_size", "batch_sensitivity", "snap"]);
  const origin = fields["seed_origin"];
  if (origin !== "server" && origin !== "client") throw new Invalid("sampling.seed_origin must be server or client");
  return {
    seed: asString(fields["seed"], "sampling.seed"),
    seedOrigin: origin,
    noiseScheme: asString(fields["noise_scheme"], "sampling.noise_scheme"),
    randomness: asString(fields["randomness"], "sampling.randomness"),
    selectionSamples: wholeNumber(fields, "selection_samples", "sampling.selection_samples"),
    precision: optionalString(fields, "precision", "sampling.precision"),
    batchSize: stated(fields, "batch_size") ? wholeNumber(fields, "batch_size", "sampling.batch_size") : null,
    batchSensitivity: nullOr(asNumber, field(fields, "batch_sensitivity"), "sampling.batch_sensitivity"),
    snap: optionalString(fields, "snap", "sampling.snap"),
  };
}

function output(fields: JsonObject): OutputIdentity {
  requireFields(fields, "output", ["kind", "media_type", "digest", "distance_to_centre"]);
  return {
    kind: asString(fields["kind"], "output.kind"),
    mediaType: asString(fields["media_type"], "output.media_type"),
    digest: asString(fields["digest"], "output.digest"),
    distanceToCentre: nullOr(asNumber, fields["distance_to_centre"], "output.distance_to_centre"),
  };
}

function threat(fields: JsonObject): Threat {
  requireFields(fields, "threat", ["attack_on", "dimension", "embedding_norm", "noise_norm", "held_fixed"]);
  return {
    attackOn: asString(fields["attack_on"], "threat.attack_on"),
    dimension: wholeNumber(fields, "dimension", "threat.dimension"),
    embeddingNorm: asNumber(fields["embedding_norm"], "threat.embedding_norm"),
    noiseNorm: asNumber(fields["noise_norm"], "threat.noise_norm"),
    heldFixed: asList(fields["held_fixed"], "threat.held_fixed").map((held) => asString(held, "threat.held_fixed")),
  };
}

function stated(fields: JsonObject, name: string): boolean {
  return has(fields, name) && fields[name] !== null;
}

function optionalString(fields: JsonObject, name: string, where: string): string | null {
  return nullOr(asString, field(fields, name), where);
}

function nullOr<Value>(
  kind: (value: Json | undefined, where: string) => Value,
  value: Json | undefined,
  where: string,
): Value | null {
  return value === null || value === undefined ? null : kind(value, where);
}
