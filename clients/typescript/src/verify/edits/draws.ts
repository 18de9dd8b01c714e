/** Which texts of a set are drawn: uniform, independent, with replacement, and a function of the seed. */

import { Points } from "../numbers/philox.js";

export const LARGEST_SET = 2 ** 32;
const GRID = 2 ** 52;
/** The stream of random numbers that edits are drawn from. */
const EDITS = 12;

/** Returns `count` numbers of [0, size), repetitions among them. size: at most 2³². seed: 32 hexadecimal digits. */
export function drawnIndices(seed: string, size: number, count: number): number[] {
  const points = new Points(seed, EDITS);
  const end = GRID - (GRID % size);
  return Array.from({ length: count }, (_, place) => {
    let [point, step] = [points.at(place), 0];
    // Beyond the last whole multiple of the size: drawn again, so that no text is favoured.
    while (point >= end) point = points.at(place, ++step);
    return point % size;
  });
}
