/** Returns round numbers from 0 on, about `wanted` of them, the last one at least `most`. */
export function ticks(most: number, wanted: number): number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((candidate) => candidate >= rough) ?? rough;
  const found = Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, index) => index * step);
  return found.map((value) => Number(value.toPrecision(6)));
}
