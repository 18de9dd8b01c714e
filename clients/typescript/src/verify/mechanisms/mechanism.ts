/** Where the noise goes, and what an attack of a given norm costs against it. */

import { asString, field, isObject, isWhole, requireFields, type Json, type JsonObject } from "../json/data.js";
import { repr as literal } from "../meaning/unicode.js";
import { sixDigits } from "../numbers/decimal.js";
import { exactSum, nextAfter } from "../numbers/doubles.js";
import { Invalid } from "../verdict.js";
import { slackPerNumber } from "./grid.js";
import { Shape } from "./shape.js";

export const LARGEST_SHIFT_IN_SIGMAS = 128;
/** How many sigmas along its longest half-axis x may lie out under shaped noise, which refuses to be drawn beyond. */
export const FURTHEST_IN_SIGMAS = 1024;
const LEAST_SIGMA = 1e-30;
const LARGEST_SIGMA = 1e30;
const MOST_STEPS = 10_000;
const SCHEDULE_SLACK = 1e-12;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Noise that amounts to one Gaussian draw of level `effectiveSigma`, a lower bound of it; attacks are of l2 norm. */
export interface Mechanism {
  readonly name: string;
  readonly effectiveSigma: number;
  /** Which norm epsilon is measured in, as the statement names it. */
  readonly norm: "l2" | "ellipsoid";
  /** A sentence for the statement, null where the noise is what everybody expects. */
  readonly remark: string | null;
  /** The noise behind synonym classes; the mechanism itself where there are none. */
  readonly noise: Noise;
  readonly classes: SynonymClasses | null;
  /** Returns r = ε/σ rounded up. */
  radiusInSigmas(epsilon: number): number;
  /** Returns r·σ rounded down. */
  epsilon(radiusInSigmas: number): number;
  /** Returns the total variation between the noise as computed and ideal noise, for so many numbers. */
  roundingSlack(dimension: number): number;
}

export interface Noise {
  readonly name: string;
  readonly effectiveSigma: number;
  readonly remark: string | null;
  readonly parameters: Readonly<Record<string, number>>;
  /** The shape of the noise; null where the noise is round. */
  readonly shape: Shape | null;
  /**
   * Returns the total variation between the noise as computed and ideal noise, for so many numbers. Throws Invalid where
   * x has another dimension than the shape.
   */
  roundingSlack(dimension: number): number;
}

export interface SynonymClasses {
  readonly partition: string;
  readonly version: string;
  readonly digest: string;
}

/** Reads a mechanism. Throws Invalid for a field that is missing, foreign or out of range, Unsupported for a shape. */
export function readMechanism(document: JsonObject): Mechanism {
  if (field(document, "name") !== "synonym-classes") return mechanism(readNoise(document), null);
  requireFields(document, "mechanism", ["name", "then", "partition", "version", "digest"]);
  const inner = document["then"];
  if (!isObject(inner) || field(inner, "name") === "synonym-classes") {
    throw new Invalid("mechanism.then must be a mechanism without classes of its own");
  }
  const [partition, version, digest] = ["partition", "version", "digest"].map((name) =>
    asString(document[name], `mechanism.${name}`),
  ) as [string, string, string];
  if (partition === "" || version === "" || !DIGEST.test(digest)) {
    throw new Invalid("mechanism 'synonym-classes' names its partition by name, version and digest");
  }
  return mechanism(readNoise(inner), { partition, version, digest });
}

function mechanism(noise: Noise, classes: SynonymClasses | null): Mechanism {
  const sigma = noise.effectiveSigma;
  return {
    name: classes === null ? noise.name : "synonym-classes",
    effectiveSigma: sigma,
    norm: noise.shape === null ? "l2" : "ellipsoid",
    remark: classes === null ? noise.remark : remarkOfClasses(classes, noise.remark),
    noise,
    classes,
    radiusInSigmas(epsilon) {
      if (!(Number.isFinite(epsilon) && epsilon >= 0)) throw new Invalid(`epsilon must be at least 0, got ${epsilon}`);
      return epsilon === 0 ? 0 : nextAfter(epsilon / sigma, Infinity);
    },
    epsilon: (radiusInSigmas) => Math.max(0, nextAfter(radiusInSigmas * sigma, 0)),
    roundingSlack: (dimension) => noise.roundingSlack(dimension),
  };
}

function remarkOfClasses({ partition, version, digest }: SynonymClasses, own: string | null): string {
  return (
    "Before the prompt is embedded, every word of it is replaced by a uniform draw from its class of the " +
    `public partition ${literal(partition)}, version ${literal(version)} (${digest}), which this certificate ` +
    "names and does not contain: any number of swaps inside the classes leaves the distribution of outputs as " +
    `it is, and the attack above is one on the embedding of the text that was drawn.${own === null ? "" : ` ${own}`}`
  );
}

function readNoise(document: JsonObject): Noise {
  const name = field(document, "name");
  if (name === "gaussian") return gaussian(document);
  if (name === "gaussian-per-step") return gaussianPerStep(document);
  if (name === "latent-schedule") return latentSchedule(document);
  if (name === "forward-diffusion") return forwardDiffusion(document);
  if (name === "shaped-gaussian") return shapedGaussian(document);
  throw new Invalid(`unknown mechanism ${String(name).slice(0, 80)}`);
}

function gaussian(document: JsonObject): Noise {
  const { sigma } = levels(document, ["sigma"]);
  return noise("gaussian", sigma as number, null, { sigma: sigma as number }, slackPerNumber(sigma as number));
}

function shapedGaussian(document: JsonObject): Noise {
  requireFields(document, "mechanism", ["name", "sigma", "shape"]);
  const sigma = requireSigma("sigma", document["sigma"]);
  const shape = Shape.read(document["shape"]);
  const [shortest, longest] = shape.halfAxes;
  const remark =
    "The noise is longer in some directions than in others, and epsilon is measured in its ellipsoid norm: that of an " +
    `attack delta is the l2 norm of A^-1·delta, A being the ${shape.dimension}×${shape.dimension} matrix of ` +
    `determinant 1 that this certificate carries (shape ${literal(shape.name)}, ${shape.statedDigest}). In l2 units ` +
    `the ball of radius epsilon is an ellipsoid with half-axes from ${sixDigits(shortest, false)}·epsilon to ` +
    `${sixDigits(longest, true)}·epsilon: every attack of an l2 norm up to the first lies inside, none of an l2 norm ` +
    "above the second.";
  return {
    ...noise("shaped-gaussian", sigma, remark, { sigma }, 0),
    shape,
    roundingSlack(dimension) {
      requireOfShape(shape, dimension);
      return dimension * slackPerNumber(sigma) + 0.4 * shape.slack * (FURTHEST_IN_SIGMAS + LARGEST_SHIFT_IN_SIGMAS);
    },
  };
}

/** Returns √E‖η‖², in units of the attacked vector. Throws Invalid where x has another dimension than the shape. */
export function noiseNorm({ noise: { shape, effectiveSigma } }: Mechanism, dimension: number): number {
  if (shape === null) return effectiveSigma * Math.sqrt(dimension);
  requireOfShape(shape, dimension);
  return effectiveSigma * shape.frobenius;
}

function requireOfShape(shape: Shape, dimension: number): void {
  if (dimension !== shape.dimension) {
    throw new Invalid(`mechanism.shape is one of ${shape.dimension} numbers, and x has ${dimension}`);
  }
}

function gaussianPerStep(document: JsonObject): Noise {
  const [beta, steps] = schedule(document);
  const times = Array.from({ length: steps }, (_, k) => k + 1);
  const sigma = (beta / Math.sqrt(steps * exactSum(times.map((t) => 1 / t)))) * (1 - SCHEDULE_SLACK);
  const slack = exactSum(times.map((t) => slackPerNumber(beta * Math.sqrt(t / steps))));
  const remark =
    `The network sees ${steps} independently noised copies of the embedding; together they protect like ` +
    `one draw of sigma ${sixDigits(sigma, false)}.`;
  return {
    ...noise("gaussian-per-step", sigma, remark, { beta, steps }, 0),
    roundingSlack: (dimension) => dimension * slack * (1 + SCHEDULE_SLACK),
  };
}

function latentSchedule(document: JsonObject): Noise {
  const [beta, steps] = schedule(document);
  const remark =
    `Noise is added to the latent before each of ${steps} steps; what protects is the first, of sigma ` +
    `${sixDigits(beta, false)}.`;
  return noise("latent-schedule", beta, remark, { beta, steps }, slackPerNumber(beta));
}

function forwardDiffusion(document: JsonObject): Noise {
  const read = levels(document, ["signal", "noise"]);
  const [signal, added] = [read["signal"] as number, read["noise"] as number];
  requireSigma("noise / signal", added / signal);
  const sigma = nextAfter(added / signal, 0);
  const remark = `The noise is the pipeline's own forward noise, of sigma ${sixDigits(sigma, false)} on the latent.`;
  return noise("forward-diffusion", sigma, remark, { signal, noise: added }, slackPerNumber(added / signal));
}

function noise(
  name: string,
  effectiveSigma: number,
  remark: string | null,
  parameters: Record<string, number>,
  slack: number,
): Noise {
  return { name, effectiveSigma, remark, parameters, shape: null, roundingSlack: (dimension) => dimension * slack };
}

function levels(document: JsonObject, names: readonly string[]): Record<string, number> {
  requireFields(document, "mechanism", ["name", ...names]);
  return Object.fromEntries(names.map((name) => [name, requireSigma(name, document[name])]));
}

function schedule(document: JsonObject): [number, number] {
  requireFields(document, "mechanism", ["name", "beta", "steps"]);
  const beta = requireSigma("beta", document["beta"]);
  const steps = document["steps"] as number;
  if (!isWhole(document, "steps") || steps < 1 || steps > MOST_STEPS) {
    throw new Invalid(`mechanism.steps must be a whole number in [1, ${MOST_STEPS}]`);
  }
  return [beta, steps];
}

function requireSigma(name: string, value: Json | undefined): number {
  if (typeof value !== "number" || !(value >= LEAST_SIGMA && value <= LARGEST_SIGMA)) {
    throw new Invalid(`mechanism.${name} must be a number in [1e-30, 1e30]`);
  }
  return value;
}
