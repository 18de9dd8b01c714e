// Draws every row of the shipped dashboards as a picture, from the page that `npm run build` made:
// node draw.mjs FOLDER SPAN_SECONDS, with Prometheus's address in PROMETHEUS.
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { preview } from 'vite';

const [folder, span] = process.argv.slice(2);
const PATIENCE_MS = 300_000; // the page has megabytes of scripts, and the machine may be busy with what it shows

const server = await preview({ root: import.meta.dirname });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: 1600, height: 900 } });
const problems = [];
page.on('pageerror', (error) => problems.push(String(error)));

const query = new URLSearchParams({ end: Math.floor(Date.now() / 1000), span });
await page.goto(`${server.resolvedUrls.local[0]}?${query}`, { timeout: PATIENCE_MS });
await page.waitForSelector('[data-row]', { timeout: PATIENCE_MS });
await page.waitForSelector('[data-drawn=false]', { state: 'detached', timeout: PATIENCE_MS });
await page.waitForTimeout(3000); // Grafana's plots size themselves once more after they are drawn
for (const row of await page.locator('[data-row]').all()) {
  const path = join(folder, `${await row.getAttribute('data-row')}.png`);
  await row.screenshot({ path, timeout: PATIENCE_MS });
  console.log(path);
}
await browser.close();
await server.close();
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
