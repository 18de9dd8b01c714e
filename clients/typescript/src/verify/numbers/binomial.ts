/** The Clopper–Pearson bound: the probability at which so few events in n draws have probability alpha. */

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);
const FACTORIALS = Array.from({ length: 19 }, (_, n) => {
  let product = 1;
  for (let k = 2; k <= n; k++) product *= k;
  return product; // exact: 18! is below 2^53
});

/** Returns the x with P(Binomial(n, x) ≤ m) = alpha, for 0 ≤ m < n and 0 < alpha < 1. */
export function binomialUpper(m: number, n: number, alpha: number): number {
  if (m === 0) return -Math.expm1(Math.log(alpha) / n);
  if (m === n - 1) return Math.exp(Math.log1p(-alpha) / n);
  let [low, high] = [0, 1];
  let x = Math.min(Math.max((m + 1) / (n + 1), 1e-12), 1 - 1e-12);
  for (let step = 0; step < 200; step++) {
    const { below, above, mass } = tails(m, n, x);
    if (below > alpha) low = x;
    else high = x;
    // Of the two tails the smaller has the better relative accuracy; both have the same slope up to sign.
    const slope = (mass * (n - m)) / (1 - x);
    const move =
      alpha <= 0.5 ? (Math.log(below / alpha) * below) / slope : (Math.log((1 - alpha) / above) * above) / slope;
    let next = x + move;
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (Math.abs(next - x) <= 2e-16 * x) return next;
    x = next;
  }
  return x;
}

/** Returns P(B ≤ m), P(B > m) and P(B = m) for B ~ Binomial(n, x); the sums run outward from m, term by term. */
function tails(m: number, n: number, x: number): { below: number; above: number; mass: number } {
  const mass = binomialMass(m, n, x);
  const odds = x / (1 - x);
  let [below, term] = [1, 1];
  for (let k = m; k > 0; k--) {
    term *= k / ((n - k + 1) * odds);
    below += term;
    if (term < 1e-18 * below && k < n * x) break;
  }
  let above = 0;
  term = 1;
  for (let k = m; k < n; k++) {
    term *= ((n - k) * odds) / (k + 1);
    above += term;
    if (term < 1e-18 * above && k > n * x) break;
  }
  return { below: mass * below, above: mass * above, mass };
}

/** Returns P(Binomial(n, x) = m) for 0 < m < n, by Stirling's series and relative entropies (Loader 2000). */
function binomialMass(m: number, n: number, x: number): number {
  const logarithm =
    stirlingError(n) - stirlingError(m) - stirlingError(n - m) - deviance(m, n * x) - deviance(n - m, n * (1 - x));
  return Math.exp(logarithm) * Math.sqrt(n / (2 * Math.PI * m * (n - m)));
}

/** Returns k·ln(k/mean) + mean − k. */
function deviance(k: number, mean: number): number {
  const u = (k - mean) / mean;
  return mean * ((1 + u) * Math.log1p(u) - u);
}

/** Returns ln n! − (n + ½)·ln n + n − ½·ln 2π. */
function stirlingError(n: number): number {
  const factorial = FACTORIALS[n];
  if (factorial !== undefined) return Math.log(factorial) - (n + 0.5) * Math.log(n) + n - HALF_LOG_2PI;
  const s = 1 / (n * n);
  return (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - (s * 691) / 360360))))) / n;
}
