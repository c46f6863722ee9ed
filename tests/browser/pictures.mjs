// The pictures of docs/pictures/: scripts/browser.sh --pictures takes them anew.
import { mkdirSync } from 'node:fs';

import { closeBrowser, openBrowser } from './chromium.mjs';
import { Person } from './person.mjs';
import { somebody, until } from './world.mjs';

const to = process.env.PICTURES;
mkdirSync(to, { recursive: true });

async function picture(person, name) {
  const { page } = person;
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await until('the fonts are there', () => page.evaluate(() => document.fonts.status === 'loaded'));
  await page.evaluate(() => document.activeElement?.blur());
  const height = await page.evaluate(() => document.querySelector('main').getBoundingClientRect().bottom);
  await page.setViewportSize({ width: 1280, height: Math.min(1400, Math.max(480, Math.ceil(height))) });
  await page.screenshot({ path: `${to}/${name}.png`, animations: 'disabled' });
  console.log(`${to}/${name}.png`);
}

await openBrowser();
try {
  const anna = await new Person(somebody(), true).hasAnAuthenticator();
  await anna.opens('/sign-in');
  await picture(anna, 'sign-in');
  await anna.entersPassword();
  await picture(anna, 'code');
  await anna.takesTheirCode();
  await picture(anna, 'home');
  await anna.hasRecoveryCodes();
  for (const [path, name] of [['/authenticators', 'authenticators'], ['/authenticators/add', 'add'], ['/security', 'security'], ['/security/history', 'history']]) {
    await anna.opens(path);
    await picture(anna, name);
  }

  const bruno = await new Person(somebody(), true).hasTheApp();
  await bruno.opens('/sign-in');
  await bruno.entersPassword();
  await picture(bruno, 'number');

  const carla = new Person(somebody(), true);
  await carla.opens('/');
  await carla.entersPassword();
  await picture(carla, 'enrol');
  await carla.follows('Continue');
  await picture(carla, 'choose');
  await carla.opens('/enrol/totp');
  await carla.fills('Name', 'My phone');
  await carla.presses('Continue');
  // The secret of somebody who does not exist, in a database that is gone a moment later.
  await picture(carla, 'qr-code');
  for (const person of [anna, bruno, carla]) await person.leaves();
} finally {
  await closeBrowser();
}
