/** The noise level that was selected for one prompt, and the draws it rests on (docs/theory/adaptive.md). */

import { requireAlpha } from "../bounds/band.js";
import { EVENTS, medianCellRadius } from "../bounds/median.js";
import { requireSlack } from "../bounds/shiftBounds.js";
import { asList, asNumber, asObject, has, requireFields, wholeNumber, type Json } from "../json/data.js";
import type { Mechanism } from "../mechanisms/mechanism.js";
import { nextAfter, timesPowerOfTwo } from "../numbers/doubles.js";
import { Invalid } from "../verdict.js";

const LARGEST = 1e30;
const LARGEST_EXPONENT = 200;
const MOST_DRAWS = 100_000;

export interface SigmaSelection {
  readonly budget: number;
  readonly base: number;
  readonly first: number;
  readonly last: number;
  readonly selectionSigma: number;
  readonly sensitivities: readonly number[];
  readonly alpha: number;
  readonly cell: number;
  readonly roundingSlack: number;
  /** As stated; they follow from the rest. */
  readonly statedSigma: number;
  readonly statedRadius: number;
  /** The level served, and the norm up to which no attack moves the median out of the cell. */
  readonly sigma: number;
  readonly radius: number;
}

export function readSelection(value: Json | undefined): SigmaSelection {
  const fields = asObject(value, "sigma_selection");
  const names = ["budget", "grid", "selection_sigma", "alpha", "sensitivities", "cell", "sigma", "radius"];
  requireFields(fields, "sigma_selection", names, ["rounding_slack"]);
  const grid = asObject(fields["grid"], "sigma_selection.grid");
  requireFields(grid, "sigma_selection.grid", ["base", "first", "last"]);
  const number = (name: string): number => asNumber(fields[name], `sigma_selection.${name}`);
  const [first, last] = ["first", "last"].map((name) => wholeNumber(grid, name, `grid.${name}`)) as [number, number];
  const read = {
    budget: number("budget"),
    base: asNumber(grid["base"], "grid.base"),
    first,
    last,
    selectionSigma: number("selection_sigma"),
    sensitivities: asList(fields["sensitivities"], "sensitivities").map((s) =>
      s === null ? Infinity : asNumber(s, "sensitivities"),
    ),
    alpha: number("alpha"),
    cell: wholeNumber(fields, "cell", "sigma_selection.cell"),
    roundingSlack: has(fields, "rounding_slack") ? number("rounding_slack") : 0,
    statedSigma: number("sigma"),
    statedRadius: number("radius"),
  };
  requireInRange(read);
  const level = (k: number): number =>
    timesPowerOfTwo(k % 2 !== 0 ? read.base * Math.SQRT2 : read.base, Math.floor(k / 2));
  const lower = read.cell < last ? read.budget / level(read.cell + 1) : null;
  const upper = read.budget / level(read.cell);
  const radius = medianCellRadius(
    read.sensitivities,
    lower,
    upper,
    read.selectionSigma,
    read.alpha,
    read.roundingSlack,
  );
  for (const k of [first, last]) requirePositive("a level of the grid", level(k));
  return { ...read, sigma: level(read.cell), radius };
}

function requireInRange(read: Omit<SigmaSelection, "sigma" | "radius">): void {
  requireSlack(read.roundingSlack);
  if (!(read.budget > 0 && read.budget <= LARGEST)) throw new Invalid("sigma_selection.budget must be positive");
  requirePositive("selection_sigma", read.selectionSigma);
  requirePositive("grid.base", read.base);
  requireAlpha(read.alpha);
  requireAlpha(read.alpha / EVENTS);
  const { first, last, cell, sensitivities } = read;
  if (!(-LARGEST_EXPONENT <= first && first <= last && last <= LARGEST_EXPONENT && first <= cell && cell <= last)) {
    throw new Invalid("sigma_selection.cell must lie on the grid, whose exponents lie in [-200, 200]");
  }
  const fits = sensitivities.length >= 1 && sensitivities.length <= MOST_DRAWS && sensitivities.every((s) => s >= 0);
  if (!fits) throw new Invalid("sigma_selection.sensitivities must be 1 to 100000 numbers of at least 0");
}

/** Throws Invalid unless its own draws place the selection and the outputs were drawn at its level. */
export function requireSoundSelection(selection: SigmaSelection, mechanism: Mechanism, alpha: number): void {
  if (!(selection.radius > 0)) throw new Invalid("the sensitivities do not place their median in the cell stated");
  const drawnAtLevel = mechanism.name === "gaussian" && mechanism.noise.parameters["sigma"] === selection.sigma;
  if (!drawnAtLevel) throw new Invalid(`the level selected is Gaussian noise of sigma ${selection.sigma}`);
  requireAlpha(remainingAlpha(alpha, selection.alpha));
}

/** Returns what is left of alpha: never more than alpha − spent. Throws Invalid where that is no alpha. */
export function remainingAlpha(alpha: number, spent: number): number {
  if (spent === 0) return alpha;
  const left = nextAfter(alpha - spent, 0);
  if (!(left > 0)) throw new Invalid(`the selection of sigma spends ${spent}, which leaves nothing of alpha ${alpha}`);
  return left;
}

function requirePositive(name: string, value: number): void {
  if (!(value >= 1 / LARGEST && value <= LARGEST)) throw new Invalid(`${name} must be a positive finite number`);
}
