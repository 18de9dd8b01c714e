// A "timeseries" panel, drawn by Grafana's TimeSeries.
import { dateTime, FieldType, getDisplayProcessor, toDataFrame } from '@grafana/data';
import { TimeSeries } from '@grafana/ui';

/** The colour that the panel's overrides give a curve of this name, else one of the palette. */
function colourOf(name, overrides) {
  const found = overrides.find(({ matcher }) => new RegExp(matcher.options.slice(1, -1)).test(name));
  return found ? found.properties[0].value : { mode: 'palette-classic' };
}

function frameOf({ name, values }, place, times, panel, theme) {
  const { defaults, overrides } = panel.fieldConfig;
  const stacking = { group: 'A', ...defaults.custom.stacking };
  const custom = { drawStyle: 'line', lineWidth: 1, showPoints: 'auto', spanNulls: false, ...defaults.custom, stacking };
  const config = { ...defaults, displayName: name, color: colourOf(name, overrides), custom };
  const frame = toDataFrame({
    fields: [
      { name: 'Time', type: FieldType.time, values: times.map((second) => 1000 * second) },
      { name, type: FieldType.number, values, config },
    ],
  });
  const field = frame.fields[1];
  field.state = { seriesIndex: place };
  field.display = getDisplayProcessor({ field, theme });
  return frame;
}

export function Curves({ panel, curves, times, width, height, theme }) {
  const [from, to] = [dateTime(1000 * times[0]), dateTime(1000 * times.at(-1))];
  return (
    <TimeSeries
      frames={curves.map((curve, place) => frameOf(curve, place, times, panel, theme))}
      structureRev={1}
      width={width}
      height={height}
      timeRange={{ from, to, raw: { from, to } }}
      timeZone="utc"
      legend={{ showLegend: true, calcs: [], ...panel.options.legend }}
    />
  );
}
