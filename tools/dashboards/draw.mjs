// Draws every row of the shipped dashboards as a picture: node draw.mjs FOLDER SPAN_SECONDS, with PROMETHEUS set.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

const [folder, span] = process.argv.slice(2);
const here = import.meta.dirname;
const shipped = join(here, '../../docker/grafana/dashboards');
const end = Math.floor(Date.now() / 1000);

await build({ root: here });
const server = await preview({ root: here });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: 1600, height: 900 } });
const problems = [];
page.on('pageerror', (error) => problems.push(String(error)));

for (const file of (await readdir(shipped)).sort()) {
  const name = file.replace('.json', '');
  const { panels } = JSON.parse(await readFile(join(shipped, file), 'utf8'));
  for (const { title } of panels.filter(({ type }) => type === 'row')) {
    const query = new URLSearchParams({ dashboard: name, row: title, end, span });
    await page.goto(`${server.resolvedUrls.local[0]}?${query}`);
    await page.waitForSelector('#row[data-drawn=true]', { timeout: 120_000 });
    await page.waitForTimeout(1500); // Grafana's plots size themselves once more after they are drawn
    const picture = join(folder, `${name}-${title.toLowerCase().replaceAll(' ', '-')}.png`);
    await page.locator('#row').screenshot({ path: picture });
    console.log(picture);
  }
}
await browser.close();
await server.close();
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
