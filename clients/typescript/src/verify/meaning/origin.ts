/** What documents of every method are held to alike: who issued them, for which request, model and output. */

import { TWO_VALUED } from "../bounds/band.js";
import { field } from "../json/data.js";
import type { Mechanism } from "../mechanisms/mechanism.js";
import type {
  MetricIdentity,
  ModelIdentity,
  OutputIdentity,
  Provenance,
  RequestIdentity,
  Sampling,
} from "../sections.js";
import { checked, Invalid, Unsupported, type Check } from "../verdict.js";
import { METRICS } from "./metrics.js";
import { DIGEST, requireParameters } from "./parameters.js";
import { attackNamed, isOnePass } from "./threats.js";
import { isPrintable } from "./unicode.js";

export const SCHEME = "philox4x64-10/ndtri/v1";
export const MAJORITY = "majority";
const SEED = /^[0-9a-f]{32}$/;
const CLIENT_SEED_LIMIT = 2n ** 63n;
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9 ._:/+-]{0,99}$/;
/** A subset of ISO 8601 that every reader takes alike, and that servers write. */
const TIME =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3}(?:[0-9]{3})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})$/;
const MEDIA_TYPES = { text: ["text/plain", "text/plain; charset=utf-8"], image: ["image/png"] } as const;
const MOST_SELECTED = 1024;
const LARGEST_BATCH = 1 << 20;
const LEAST_MAJORITY = 0.5;

/**
 * Returns why a document's words do not fix what its numbers mean, null where they do. ours: whether the metric, and what
 * is attacked, are known ones, by these words.
 */
export function leftOpen(
  sections: readonly (readonly [string, unknown])[],
  ours: Readonly<Record<string, boolean>>,
): string | null {
  const missing = sections.filter(([, section]) => section === null).map(([name]) => name);
  if (missing.length === sections.length) return "the document names no model, no metric and no threat";
  if (missing.length > 0) return `the document has no section ${missing.join(", ")}`;
  const plugIns = Object.keys(ours).filter((name) => !ours[name]);
  return plugIns.length > 0 ? `${plugIns.join(" and ")} defined by a plug-in` : null;
}

/** Returns the checks of a document's issue, request and model; of the last two where it has them. */
export function judgedOrigin(
  id: string | null,
  requestedAt: string | null,
  request: RequestIdentity | null,
  model: ModelIdentity | null,
): Check[] {
  const checks = [checked("identity", "id and time of issue", () => requireIssue(id, requestedAt))];
  if (request !== null) checks.push(checked("request", "digests and parameters", () => requireRequest(request)));
  if (model !== null) checks.push(checked("model", "named, with a digest", () => requireModel(model)));
  return checks;
}

function requireIssue(id: string | null, requestedAt: string | null): void {
  if (id !== null) requireName("id", id);
  if (requestedAt === null) return;
  if (!TIME.test(requestedAt)) throw new Unsupported(`requested_at is no time of the form 2026-01-31T12:00:00+00:00`);
  const [date, hours, offset] = [requestedAt.slice(0, 10), Number(requestedAt.slice(11, 13)), requestedAt.slice(-5)];
  const day = new Date(`${date}T00:00:00Z`);
  const isDay = !Number.isNaN(day.getTime()) && day.toISOString().slice(0, 10) === date && !date.startsWith("0000");
  const minutes = [Number(requestedAt.slice(14, 16)), Number(requestedAt.slice(17, 19))];
  const offsetFits = requestedAt.endsWith("Z") || (Number(offset.slice(0, 2)) < 24 && Number(offset.slice(3)) < 60);
  if (!isDay || hours > 23 || minutes.some((part) => part > 59) || !offsetFits) {
    throw new Invalid(`requested_at ${requestedAt} is no time`);
  }
}

function requireName(where: string, name: string): void {
  if (name.trim() === "" || !isPrintable(name)) throw new Invalid(`${where} must be a printable text on one line`);
}

function requireRequest(stated: RequestIdentity): void {
  requireDigest("request.prompt_digest", stated.promptDigest);
  requireParameters(stated.parameters);
  if ((field(stated.parameters, "chat") === true) !== (stated.template !== null)) {
    throw new Invalid("request.template must be stated exactly where parameters.chat is true");
  }
  if (stated.template !== null) requireDigest("request.template", stated.template);
  if (stated.contextDigest !== null) requireDigest("request.context_digest", stated.contextDigest);
}

function requireModel(stated: ModelIdentity): void {
  requireName("model.name", stated.name);
  requireName("model.revision", stated.revision);
  requireDigest("model.digest", stated.digest);
}

export function requireDigest(where: string, digest: string): void {
  if (!DIGEST.test(digest)) throw new Invalid(`${where} must be 'sha256:<64 hexadecimal digits>'`);
}

/** Throws Invalid for a seed of another form, or one that its origin does not draw. */
export function requireSeed(where: string, seed: string, origin: string): void {
  if (!SEED.test(seed)) throw new Invalid(`${where}.seed must be 32 small hexadecimal digits`);
  const clients = BigInt(`0x${seed}`) < CLIENT_SEED_LIMIT;
  if (clients !== (origin === "client")) {
    throw new Invalid(`${where}.seed_origin is ${origin}, and the seed is ${clients ? "below" : "not below"} 2^63`);
  }
}

/** Throws Invalid for random numbers that no server draws. sampled: whether the certificate rests on samples. */
export function requireSampling(stated: Sampling, provenance: Provenance, sampled: boolean): void {
  if (stated.noiseScheme !== SCHEME) throw samplingError("noise_scheme", `must be ${SCHEME}`);
  requireSeed("sampling", stated.seed, stated.seedOrigin);
  const chosen = provenance.output !== null && isChosen(provenance.output);
  const least = sampled || chosen ? 1 : 0;
  if (stated.selectionSamples < least || stated.selectionSamples > MOST_SELECTED) {
    throw samplingError("selection_samples", `must lie in [${least}, ${MOST_SELECTED}]`);
  }
  const possible = possibleRandomness(provenance);
  if (!possible.includes(stated.randomness)) throw samplingError("randomness", `must be one of [${possible}]`);
  if (![null, "float32", "bfloat16", "float16"].includes(stated.precision)) {
    throw samplingError("precision", "must be float32, bfloat16 or float16");
  }
  if (stated.batchSize !== null && (stated.batchSize < 1 || stated.batchSize > LARGEST_BATCH)) {
    throw samplingError("batch_size", `must lie in [1, ${LARGEST_BATCH}]`);
  }
  const share = stated.batchSensitivity;
  if (share !== null && !(share >= 0 && share <= 1)) throw samplingError("batch_sensitivity", "is a share of rows");
  requireFittingPrecision(stated, provenance);
  if (stated.snap === null) return;
  requireDigest("sampling.snap", stated.snap);
  const attack = provenance.threat === null ? null : attackNamed(provenance.threat.attackOn);
  if (attack !== null && attack.kind !== "language" && attack.kind !== "conversation") {
    throw samplingError("snap", "is stated of token embeddings");
  }
}

function requireFittingPrecision(stated: Sampling, provenance: Provenance): void {
  const attack = provenance.threat === null ? null : attackNamed(provenance.threat.attackOn);
  const inDoubles = isOnePass(provenance.request) || attack?.kind === "closed form";
  if (inDoubles && stated.precision !== null) throw samplingError("precision", "is left out for double precision");
  const inSixteenBits = stated.precision === "bfloat16" || stated.precision === "float16";
  if (!inSixteenBits && (stated.batchSize !== null || stated.batchSensitivity !== null)) {
    throw samplingError("batch_size", "and batch_sensitivity are stated of models in 16 bits");
  }
}

function possibleRandomness({ threat, request }: Provenance): readonly string[] {
  const attack = threat === null ? null : attackNamed(threat.attackOn);
  const random = ["common", "fresh"];
  if (attack === null) return [...random, "none"];
  if (attack.kind === "closed form") return ["none"];
  if (attack.modality === "image") return random;
  const temperature = request === null ? undefined : field(request.parameters, "temperature");
  if (typeof temperature !== "number") return [...random, "none"];
  return temperature > 0 ? random : ["none"];
}

function isChosen(output: OutputIdentity): boolean {
  return output.kind === "representative" || output.kind === MAJORITY;
}

/** Throws Invalid for an output of another kind than the metric compares, or at a distance that it cannot have. */
export function requireOutput(
  stated: OutputIdentity,
  metric: MetricIdentity | null,
  bound: number,
  keep: number | null,
): void {
  if (!["representative", "sample", MAJORITY].includes(stated.kind)) throw new Invalid("output.kind is unknown");
  if (stated.kind === MAJORITY && (keep === null || keep < LEAST_MAJORITY)) {
    throw new Invalid("output.kind is majority, so keep must be stated and at least 0.5");
  }
  requireDigest("output.digest", stated.digest);
  const known = metric === null ? undefined : METRICS.get(metric.name);
  if (known !== undefined && !(MEDIA_TYPES[known.modality] as readonly string[]).includes(stated.mediaType)) {
    throw new Invalid(`output.media_type does not go with metric ${known.name}`);
  }
  const distance = stated.distanceToCentre;
  if (distance === null) return;
  if (distance > bound) throw new Invalid(`output.distance_to_centre ${distance} is beyond ${bound}`);
  if (metric !== null && Object.keys(metric.centre).length === 0) {
    throw new Invalid("output.distance_to_centre is stated, and the metric section states no centre");
  }
  if (known?.band === TWO_VALUED && distance !== 0 && (isChosen(stated) || distance !== bound)) {
    throw new Invalid(`output.distance_to_centre cannot be ${distance} in metric ${known.name}`);
  }
}

/** Throws Invalid for a partition or a shape whose name could be read as part of the statement's own sentences. */
export function requirePlainNames({ classes, noise }: Mechanism): void {
  const ofClasses = classes === null ? [] : [classes.partition, classes.version];
  for (const name of noise.shape === null ? ofClasses : [...ofClasses, noise.shape.name]) {
    if (!PLAIN_NAME.test(name)) throw new Invalid("names of a partition and of a shape must be plain names in ASCII");
  }
}

function samplingError(name: string, message: string): Invalid {
  return new Invalid(`sampling.${name} ${message}`);
}
