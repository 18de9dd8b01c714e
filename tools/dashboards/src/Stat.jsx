// A "stat" panel, drawn by Grafana's BigValue.
import { FieldType, getDisplayProcessor } from '@grafana/data';
import { BigValue, BigValueColorMode, BigValueGraphMode } from '@grafana/ui';

export function Stat({ panel, number, width, height, theme }) {
  const config = { ...panel.fieldConfig.defaults, color: { mode: 'thresholds' } };
  const display = getDisplayProcessor({ field: { name: panel.title, type: FieldType.number, config }, theme });
  return (
    <BigValue
      value={display(number)}
      width={width}
      height={height}
      theme={theme}
      colorMode={BigValueColorMode.Value}
      graphMode={BigValueGraphMode.None}
    />
  );
}
