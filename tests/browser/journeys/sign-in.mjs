// Coming in.
import assert from 'node:assert/strict';

import { journey } from '../journey.mjs';

journey('somebody signs in with a password and a code, and out again', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.opens('/');
  await anna.isAt('/sign-in');
  await anna.entersPassword();
  await anna.entersCode();
  await anna.isAt('/home');
  await anna.sees(anna.name);
  await anna.signsOut();
  await anna.sees('You are signed out.');
  await anna.opens('/home');
  await anna.isAt('/sign-in');
});

journey('somebody without a mouse signs in and out', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.opens('/sign-in');
  // The page opens with the cursor where one types first.
  await anna.tabsTo('textbox', 'User name');
  await anna.types(anna.uid);
  await anna.tabsTo('textbox', 'Password');
  await anna.types(anna.password);
  await anna.tabsTo('button', 'Sign in');
  await anna.pressesEnter();
  await anna.tabsTo('textbox', 'Code');
  await anna.types(await anna.phone.code());
  await anna.pressesEnter();
  await anna.isAt('/home');
  await anna.tabsTo('link', 'Skip to the content');
  await anna.tabsTo('button', 'Sign out');
  await anna.pressesEnter();
  await anna.sees('You are signed out.');
});

journey('a wrong password is refused in words that say nothing about the name', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.opens('/sign-in');
  await anna.entersPassword('not the password');
  await anna.seesAProblem(/could not sign you in/);
  await anna.isAt('/sign-in');
});

journey('a wrong code is refused, and the right one still taken', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  await anna.entersCode(anna.phone.wrongCode());
  await anna.seesAProblem(/code is not right/);
  await anna.entersCode();
  await anna.isAt('/home');
});

journey('a code works once', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  const code = await anna.phone.code();
  await anna.entersCode(code);
  await anna.isAt('/home');
  await anna.signsOut();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  await anna.entersCode(code);
  await anna.seesAProblem(/used already/);
});

journey('a code may be typed with blanks', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  const code = await anna.phone.code();
  await anna.entersCode(` ${code.slice(0, 3)} ${code.slice(3)} `);
  await anna.isAt('/home');
});

journey('a recovery code lets somebody in, once', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.hasRecoveryCodes();
  const [code] = anna.recoveryCodes;
  await anna.opens('/sign-in');
  await anna.entersPassword();
  await anna.presses('Use a recovery code');
  await anna.entersCode(code);
  await anna.isAt('/home');
  await anna.signsOut();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  await anna.presses('Use a recovery code');
  await anna.entersCode(code);
  await anna.seesAProblem(/code is not right/);
});

journey.withScripts('a phone is given the number that the page shows, and the page goes on by itself', async ({ somebody }) => {
  const bruno = await somebody().hasTheApp();
  await bruno.opens('/sign-in');
  await bruno.entersPassword();
  const number = await bruno.theNumber();
  const arrived = bruno.page.waitForURL('**/home');
  await bruno.approves(number);
  await arrived;
  await bruno.looksAround();
  await bruno.isAt('/home');
});

journey.withoutScripts('a phone is given the number that the page shows, and the person goes on', async ({ somebody }) => {
  const bruno = await somebody().hasTheApp();
  await bruno.opens('/sign-in');
  await bruno.entersPassword();
  await bruno.approves(await bruno.theNumber());
  await bruno.presses('I have confirmed it');
  await bruno.isAt('/home');
});

journey('a request that is refused on the phone lets nobody in', async ({ somebody }) => {
  const bruno = await somebody().hasTheApp();
  await bruno.opens('/sign-in');
  await bruno.entersPassword();
  await bruno.theNumber();
  await bruno.refuses();
  if (bruno.scripts) await bruno.page.getByRole('alert').waitFor();
  else await bruno.presses('I have confirmed it');
  await bruno.seesAProblem(/refused on your phone/);
  await bruno.opens('/home');
  await bruno.isAt('/sign-in');
});

journey('somebody who has two ways takes the other one, and the first again', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.hasTheApp();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  if ((await anna.title()) === 'Enter a code') await anna.presses('Approve on my phone');
  await anna.theNumber();
  await anna.takesTheirCode();
});

journey('whoever opens a page without being signed in comes to that page afterwards', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.opens('/home?from=a-bookmark');
  await anna.isAt('/sign-in');
  await anna.entersPassword();
  await anna.entersCode();
  await anna.isAt('/home');
});

journey.withScripts('nobody is led to another site after signing in', async ({ somebody }) => {
  for (const next of ['//foreign.example.test/', 'https://foreign.example.test/', '/\\foreign.example.test/', '/%2f/foreign.example.test']) {
    const anna = await somebody().hasAnAuthenticator();
    await anna.opens(`/sign-in?next=${encodeURIComponent(next)}`);
    await anna.entersPassword();
    await anna.entersCode();
    assert.ok(anna.page.url().includes('//mfa.example.test:'), anna.page.url());
  }
});

for (const [locale, password] of [['de-DE', 'Passwort'], ['nl-NL', 'Wachtwoord'], ['fr-FR', 'Mot de passe'], ['es-ES', 'Contraseña']]) {
  journey(`a browser that speaks ${locale} is answered in that language`, async ({ somebody }) => {
    const anna = somebody();
    anna.comesWith = { locale };
    await anna.opens('/sign-in');
    assert.equal(await anna.page.locator('html').getAttribute('lang'), locale.slice(0, 2));
    assert.equal(await anna.page.getByLabel(password, { exact: true }).count(), 1);
  });
}
