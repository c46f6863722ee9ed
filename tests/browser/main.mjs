// All journeys. Started by scripts/browser.sh, in a world of its own.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { closeBrowser, openBrowser } from './chromium.mjs';
import { report } from './examine.mjs';
import { closeForeignSite, openForeignSite } from './foreign.mjs';
import { journeys } from './journey.mjs';
import { closeMailbox, openMailbox } from './mailbox.mjs';
import { asked } from './world.mjs';

import './journeys/sign-in.mjs';
import './journeys/enrol.mjs';
import './journeys/authenticators.mjs';
import './journeys/passkeys.mjs';
import './journeys/help.mjs';
import './journeys/mail.mjs';
import './journeys/faults.mjs';
import './journeys/passkeys.mjs';
import './journeys/lighthouse.mjs';

before(async () => {
  await openMailbox();
  await openForeignSite();
  await openBrowser();
});

after(async () => {
  await closeBrowser();
  closeForeignSite();
  await closeMailbox();
  const { pages, seconds, scripts, styles } = report();
  console.log(`${journeys()} journeys; ${pages} different pages examined in ${seconds.toFixed(0)} s; at most ${scripts} bytes of scripts and ${styles} of style sheets (gz) on one`);
});

if (journeys() === 0) {
  test('a journey by that name', () => assert.fail(`no journey's name holds "${asked}"`));
}
