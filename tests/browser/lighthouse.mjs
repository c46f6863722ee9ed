// Lighthouse on one page, in a browser of its own.
import { createServer } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';

import lighthouse from 'lighthouse';
import { chromium } from 'playwright-core';

import { switches } from './chromium.mjs';
import { cookieHeader } from './raw.mjs';
import { chrome, left } from './world.mjs';

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** The scores, 0 to 100, of that page for whoever has these cookies, and what cost points. */
export async function judge(address, cookies = []) {
  const port = await freePort();
  const home = mkdtempSync(`${tmpdir()}/vestibule-lighthouse-`);
  const browser = await chromium.launchPersistentContext(home, { executablePath: chrome, args: [...switches(), `--remote-debugging-port=${port}`] });
  try {
    const { lhr } = await lighthouse(address, {
      port,
      output: 'json',
      logLevel: 'error',
      onlyCategories: ['performance', 'accessibility'],
      extraHeaders: cookies.length === 0 ? undefined : { Cookie: cookieHeader(cookies) },
    });
    if (lhr.runtimeError !== undefined) throw new Error(`Lighthouse: ${lhr.runtimeError.message}`);
    const scores = Object.fromEntries(Object.values(lhr.categories).map(({ id, score }) => [id, Math.round(score * 100)]));
    const lost = Object.values(lhr.audits).filter(({ score, scoreDisplayMode }) => score !== null && score < 1 && scoreDisplayMode !== 'informative');
    writeFileSync(`${left}/lighthouse-${new URL(address).pathname.replace(/\W+/g, '-')}.json`, JSON.stringify(lhr, null, 1));
    return { at: new URL(lhr.finalDisplayedUrl).pathname, scores, lost: lost.map(({ id, displayValue, title }) => `${id}: ${displayValue ?? title}`) };
  } finally {
    await browser.close();
    rmSync(home, { recursive: true, force: true });
  }
}
