// One panel: asks for its data, and says when it is drawn.
import { LoadingState } from '@grafana/data';
import { PanelChrome } from '@grafana/ui';
import { useEffect, useState } from 'react';

import { Curves } from './Curves.jsx';
import { curvesOf, numberOf } from './prometheus.js';
import { Stat } from './Stat.jsx';

function asked(panel, times) {
  if (panel.type === 'stat') {
    return numberOf(panel.targets[0], times.at(-1));
  }
  return Promise.all(panel.targets.map((target) => curvesOf(target, times))).then((found) => found.flat());
}

export function Panel({ panel, times, width, height, theme, onDrawn }) {
  const [data, setData] = useState();
  const [problem, setProblem] = useState();
  useEffect(() => {
    asked(panel, times).then(setData, (error) => setProblem(String(error)));
  }, []);
  const done = data !== undefined || problem !== undefined;
  useEffect(() => {
    if (done) {
      onDrawn();
    }
  }, [done]);
  const nothing = data === null || data?.length === 0;
  const inside = { theme, panel, times };
  return (
    <PanelChrome
      title={panel.title}
      description={panel.description}
      width={width}
      height={height}
      loadingState={done ? LoadingState.Done : LoadingState.Loading}
    >
      {(innerWidth, innerHeight) => {
        const size = { width: innerWidth, height: innerHeight };
        if (problem || nothing || data === undefined) {
          const text = problem ?? (nothing ? panel.fieldConfig.defaults.noValue : '');
          return <div style={{ paddingTop: innerHeight / 3, textAlign: 'center', opacity: 0.6 }}>{text}</div>;
        }
        return panel.type === 'stat' ? (
          <Stat {...inside} {...size} number={data} />
        ) : (
          <Curves {...inside} {...size} curves={data} />
        );
      }}
    </PanelChrome>
  );
}
