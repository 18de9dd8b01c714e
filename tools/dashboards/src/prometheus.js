// Asks Prometheus what a panel's targets ask, with every template variable at "all".

const VALUES = { $job: '.*', $model: '.*', $route: '.*', $tenant: '.*', $key: '.*', $__rate_interval: '1m' };

function filledIn(expression) {
  return Object.entries(VALUES).reduce((text, [name, value]) => text.replaceAll(name, value), expression);
}

async function ask(path, parameters) {
  const response = await fetch(`/prometheus/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const answer = await response.json();
  if (answer.status !== 'success') {
    throw new Error(`${parameters.query}: ${answer.error}`);
  }
  return answer.data.result;
}

/** The number that a stat shows at `end` (Unix seconds), null where there is none. */
export async function numberOf(target, end) {
  const [series] = await ask('query', { query: filledIn(target.expr), time: end });
  return series ? Number(series.value[1]) : null;
}

/** The curves of a target: [{name, values}], each as long as `times` (Unix seconds, evenly spaced). */
export async function curvesOf(target, times) {
  const range = { start: times[0], end: times.at(-1), step: times[1] - times[0] };
  const result = await ask('query_range', { query: filledIn(target.expr), ...range });
  return result.map(({ metric, values }) => {
    const at = new Map(values.map(([second, text]) => [Math.round(second), Number(text)]));
    const name = target.legendFormat.replace(/{{\s*(\w+)\s*}}/g, (_, label) => metric[label] ?? '').trim();
    return { name, values: times.map((second) => (Number.isFinite(at.get(second)) ? at.get(second) : null)) };
  });
}
