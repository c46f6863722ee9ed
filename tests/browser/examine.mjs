// What holds for every page that anybody comes to, whatever the journey is about.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';

import { secure } from './raw.mjs';
import { origin } from './world.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const NARROW = 320; // CSS pixels: WCAG 2.2, 1.4.10
const SCRIPTS = 10_000; // bytes, gz
const STYLES = 12_000;

const examined = new Set();
const sizes = new Map();
const spent = { pages: 0, seconds: 0, scripts: 0, styles: 0 };

/** Pages examined, the time it took, and the most that one of them loads. */
export function report() {
  return spent;
}

const isForeign = (address) => address.startsWith('http://foreign.example.test:');

/** Notes on a context what no page may ever do. `faults` is empty as long as none did. */
export function watch(context, faults) {
  context.on('request', (request) => {
    const { protocol, origin: to } = new URL(request.url());
    // Names of this world: ours, ours misspelt, and somebody else's site that the journey itself goes to.
    const ours = to === origin || to === origin.replace('mfa.', 'other.') || ['data:', 'blob:'].includes(protocol) || isForeign(to);
    if (!ours) faults.push(`asked somebody else: ${request.url()}`);
  });
  context.on('console', (message) => {
    // The browser's own note that a page came with a status such as 403 is not the page's doing.
    const note = /^Failed to load resource: the server responded with a status of/.test(message.text());
    const foreign = isForeign(message.location().url);
    if (message.type() === 'error' && !note && !foreign) faults.push(`the console says: ${message.text()}`);
    if (/Content Security Policy/i.test(message.text()) && !foreign) faults.push(`CSP: ${message.text()}`);
  });
  context.on('weberror', (error) => faults.push(`a script failed: ${error.error().stack ?? error.error()}`));
  context.on('dialog', (dialog) => {
    faults.push(`a dialog opened: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
}

/** The page's markup without what differs from one person to the next: two pages alike need one look. */
function alike(html, person) {
  const markup = html.replace(/ (?:value|d|data-options)="[^"]*"/g, '').replaceAll(person.uid, '').replace(/<li>[a-z0-9-]+<\/li>/gi, '');
  return `${person.scripts}${markup.replace(/[0-9a-f-]{16,}|[A-Za-z0-9_-]{20,}|(?:[A-Z2-7]{4} ?){4,}|\d+/g, '#')}`;
}

async function violations(page, scripts, scheme) {
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
  const found = await page.evaluate(
    async ([source, timers]) => {
      if (!timers) {
        // Where scripts are off a page's timers stand still, and axe waits for some; nobody else here does.
        window.setTimeout = (then, delay, ...words) => {
          if (!(delay > 1000)) Promise.resolve().then(() => then(...words));
          return 0;
        };
      }
      if (!window.axe) (0, eval)(source);
      const result = await window.axe.run({ resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } });
      return result.violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`) }));
    },
    [axe, scripts],
  );
  return found.map(({ id, help, nodes }) => `axe, ${scheme}: ${id}: ${help}\n  ${nodes.join('\n  ').replace(/\n/g, '\n  ')}`);
}

/** Elements that stick out of a narrow window, and how far the page can be scrolled sideways. */
async function sideways(page) {
  return page.evaluate((width) => {
    const { scrollWidth } = document.documentElement;
    if (scrollWidth <= width) return undefined;
    const wide = [...document.querySelectorAll('body *')].filter((element) => element.getBoundingClientRect().right > width + 1);
    return `${scrollWidth} px wide; sticking out: ${wide.slice(0, 5).map((element) => element.outerHTML.slice(0, 120)).join(' | ')}`;
  }, NARROW);
}

async function size(address) {
  if (!sizes.has(address)) {
    const { text } = await secure(new URL(address).pathname);
    sizes.set(address, gzipSync(text, { level: 9 }).length);
  }
  return sizes.get(address);
}

/** Compressed bytes of scripts and style sheets that the page has loaded, whether or not from the cache. */
async function budget(page) {
  const loaded = await page.evaluate(() => [...new Set(performance.getEntriesByType('resource').map(({ name }) => name.split('#')[0]))]);
  const weigh = async (ending) => {
    let sum = 0;
    for (const address of loaded.filter((name) => new URL(name).pathname.endsWith(ending))) sum += await size(address);
    return sum;
  };
  const [scripts, styles] = [await weigh('.js'), await weigh('.css')];
  spent.scripts = Math.max(spent.scripts, scripts);
  spent.styles = Math.max(spent.styles, styles);
  return [
    ...(scripts < SCRIPTS ? [] : [`${scripts} bytes of scripts (gz), more than ${SCRIPTS}`]),
    ...(styles < STYLES ? [] : [`${styles} bytes of style sheets (gz), more than ${STYLES}`]),
    ...(styles > 0 ? [] : ['no style sheet was loaded']),
  ];
}

/** Looks at the page as everybody might see it: light and dark, wide and narrow. */
export async function examine(page, person) {
  const { scripts, faults } = person;
  const where = new URL(page.url());
  if (where.origin !== origin) return;
  const html = alike(await page.content(), person);
  if (!examined.has(html)) {
    examined.add(html);
    const begun = Date.now();
    const found = [...(await violations(page, scripts, 'dark')), ...(await violations(page, scripts, 'light'))];
    const view = page.viewportSize();
    await page.setViewportSize({ width: NARROW, height: 640 });
    const wide = await sideways(page);
    if (wide !== undefined) found.push(`scrolls sideways at ${NARROW} px: ${wide}`);
    await page.setViewportSize(view);
    found.push(...(await budget(page)));
    spent.pages += 1;
    spent.seconds += (Date.now() - begun) / 1000;
    assert.ok(found.length === 0, `${where.pathname} ${await page.title()}:\n${found.join('\n')}`);
  }
  assert.ok(faults.length === 0, `${where.pathname}: ${faults.join('\n')}`);
}
