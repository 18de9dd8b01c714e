// Numbers as the command line prints them: three digits, rounded to the safe side.

/** Returns a number of three digits that is at most x. */
export const down = (x: number): string => rounded(x, 0);

/** Returns a number of three digits that is at least x. */
export const up = (x: number): string => rounded(x, 1);

function rounded(x: number, step: 0 | 1): string {
  if (!Number.isFinite(x) || x === 0) return Number.isFinite(x) ? "0" : "∞";
  const [mantissa = "0", exponent = "0"] = Math.abs(x).toExponential().split("e"); // the shortest digits, none lost
  const digits = mantissa.replace(".", "").padEnd(3, "0");
  const more = /[1-9]/.test(digits.slice(3)) ? step : 0;
  const value = Number(`${Number(digits.slice(0, 3)) + more}e${Number(exponent) - 2}`);
  return (Math.sign(x) * value).toString();
}

export const percent = (share: number): string => `${Number((100 * share).toPrecision(2))} %`;

export const count = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** Returns a time for people: a second or two less does not matter. */
export function duration(seconds: number): string {
  if (seconds < 1) return "under a second";
  if (seconds < 90) return `about ${Math.round(seconds)} s`;
  return seconds < 5400 ? `about ${Math.round(seconds / 60)} min` : `about ${(seconds / 3600).toFixed(1)} h`;
}
