// Draws every row of every shipped dashboard, one below the other: ?end=UNIX_SECONDS&span=SECONDS
import { createTheme, ThemeContext } from '@grafana/data';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';

import { Panel } from './Panel.jsx';

const FILES = import.meta.glob('../../../docker/grafana/dashboards/*.json', { eager: true, import: 'default' });
const WIDTH = 1600;
const UNIT = 38; // pixels of a unit of Grafana's grid: 30, and 8 between two
const POINTS = 240;

const theme = createTheme({ colors: { mode: 'light' } });

/** [{title, panels}] of a dashboard, whose panels follow the title of their row. */
function rowsOf(dashboard) {
  const rows = [];
  for (const panel of dashboard.panels) {
    if (panel.type === 'row') {
      rows.push({ title: panel.title, panels: [] });
    } else {
      rows.at(-1).panels.push(panel);
    }
  }
  return rows;
}

/** The seconds at which curves are drawn. */
function askedTimes() {
  const asked = new URLSearchParams(location.search);
  const [end, span] = [Number(asked.get('end')), Number(asked.get('span'))];
  const step = Math.max(1, Math.round(span / POINTS));
  const count = Math.floor(span / step);
  const last = Math.floor(end / step) * step;
  return Array.from({ length: count }, (_, i) => last - step * (count - 1 - i));
}

function Row({ name, panels, times }) {
  const [drawn, setDrawn] = useState(0);
  const top = Math.min(...panels.map(({ gridPos }) => gridPos.y));
  const bottom = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const height = UNIT * (bottom - top) + 8;
  const style = { position: 'relative', width: WIDTH, height, background: theme.colors.background.canvas };
  return (
    <div data-row={name} data-drawn={drawn === panels.length} style={style}>
      {panels.map((panel) => {
        const { x, y, w, h } = panel.gridPos;
        const place = { position: 'absolute', left: (x * WIDTH) / 24 + 4, top: UNIT * (y - top) + 4 };
        return (
          <div key={panel.id} style={place}>
            <Panel
              panel={panel}
              times={times}
              theme={theme}
              width={(w * WIDTH) / 24 - 8}
              height={UNIT * h - 8}
              onDrawn={() => setDrawn((count) => count + 1)}
            />
          </div>
        );
      })}
    </div>
  );
}

const times = askedTimes();
const rows = Object.entries(FILES).flatMap(([path, dashboard]) => {
  const file = path.split('/').at(-1).replace('.json', '');
  return rowsOf(dashboard).map(({ title, panels }) => ({
    name: `${file}-${title.toLowerCase().replaceAll(' ', '-')}`,
    panels,
  }));
});
createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    {rows.map((row) => (
      <Row key={row.name} times={times} {...row} />
    ))}
    <PortalContainer />
  </ThemeContext.Provider>,
);
