// Draws one row of a shipped dashboard: ?dashboard=FILE&row=TITLE&end=UNIX_SECONDS&span=SECONDS
import { createTheme, ThemeContext } from '@grafana/data';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';

import { Panel } from './Panel.jsx';

const FILES = import.meta.glob('../../../docker/grafana/dashboards/*.json', { eager: true, import: 'default' });
const WIDTH = 1600;
const ROW = 38; // pixels of a unit of Grafana's grid: 30, and 8 between two
const POINTS = 240;

const asked = new URLSearchParams(location.search);
const dashboard = Object.entries(FILES).find(([path]) => path.endsWith(`/${asked.get('dashboard')}.json`))[1];
const theme = createTheme({ colors: { mode: 'light' } });

/** The panels below the title of a row, up to the next title. */
function panelsOf(title) {
  const start = dashboard.panels.findIndex((panel) => panel.type === 'row' && panel.title === title);
  const rest = dashboard.panels.slice(start + 1);
  const end = rest.findIndex((panel) => panel.type === 'row');
  return end < 0 ? rest : rest.slice(0, end);
}

function timesOf(end, span) {
  const step = Math.max(1, Math.round(span / POINTS));
  const last = Math.floor(end / step) * step;
  return Array.from({ length: Math.floor(span / step) }, (_, i, n = Math.floor(span / step)) => last - step * (n - 1 - i));
}

function Row() {
  const panels = panelsOf(asked.get('row'));
  const times = timesOf(Number(asked.get('end')), Number(asked.get('span')));
  const [drawn, setDrawn] = useState(0);
  const top = Math.min(...panels.map(({ gridPos }) => gridPos.y));
  const bottom = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const style = { position: 'relative', width: WIDTH, height: ROW * (bottom - top) + 8 };
  return (
    <div id="row" data-drawn={drawn === panels.length} style={{ ...style, background: theme.colors.background.canvas }}>
      {panels.map((panel) => {
        const { x, y, w, h } = panel.gridPos;
        const place = { position: 'absolute', left: (x * WIDTH) / 24 + 4, top: ROW * (y - top) + 4 };
        return (
          <div key={panel.id} style={place}>
            <Panel
              panel={panel}
              times={times}
              theme={theme}
              width={(w * WIDTH) / 24 - 8}
              height={ROW * h - 8}
              onDrawn={() => setDrawn((count) => count + 1)}
            />
          </div>
        );
      })}
    </div>
  );
}

createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <Row />
    <PortalContainer />
  </ThemeContext.Provider>,
);
