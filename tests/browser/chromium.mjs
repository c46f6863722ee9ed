// The browser: one Chromium, a fresh context for each person.
import { chromium } from 'playwright-core';

import { certificateHash, chrome } from './world.mjs';

let browser;

/** Chromium's own switches: our names are on loopback, no other name exists, and nothing is fetched in the background. */
export function switches() {
  return [
    '--no-first-run',
    '--disable-gpu',
    '--disable-quic',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--host-resolver-rules=MAP *.example.test 127.0.0.1,MAP * ~NOTFOUND',
    // Not --ignore-certificate-errors: with errors that are only ignored there are no passkeys and no service workers.
    `--ignore-certificate-errors-spki-list=${certificateHash()}`,
  ];
}

export async function openBrowser() {
  browser = await chromium.launch({ executablePath: chrome, args: switches() });
}

export async function closeBrowser() {
  await browser?.close();
}

export function newContext(options) {
  return browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 800 }, ...options });
}
