// What somebody signs in with, looked after by themselves.
import assert from 'node:assert/strict';

import { journey } from '../journey.mjs';
import { Phone } from '../totp.mjs';
import { vestibule } from '../world.mjs';

journey('somebody adds a second app, renames it, tests it and removes it again', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  await anna.follows('My authenticators');
  await anna.follows('Add an authenticator');
  await anna.follows('Authenticator app');
  await anna.fills('Name', 'Tablet <i>&amp; 📱 لوح');
  await anna.presses('Continue');
  const tablet = new Phone(await anna.page.locator('#key').innerText());
  await anna.fills('The code that the app shows now', await tablet.code());
  await anna.presses('Check and add');
  await anna.isAt('/authenticators');
  await anna.sees('Tablet <i>&amp; 📱 لوح');
  await anna.follows(/Change, test or remove Tablet/);
  await anna.fills('Name', 'Tablet');
  await anna.presses('Save');
  await anna.opens('/authenticators');
  await anna.follows(/Change, test or remove Tablet/);
  await anna.fills('Code', await tablet.code());
  await anna.presses('Test');
  await anna.sees('The code was right.');
  await anna.opens('/authenticators');
  await anna.follows(/Change, test or remove Tablet/);
  await anna.follows('Remove');
  await anna.presses('Remove');
  await anna.isAt('/authenticators');
  await anna.seesNo('Tablet');
});

journey('the last authenticator does not go by mistake', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  await anna.opens('/authenticators');
  await anna.follows(/Change, test or remove/);
  await anna.follows('Remove');
  await anna.sees('It is the last one you have');
  await anna.presses('Remove');
  await anna.seesAProblem(/Tick the box/);
  await anna.page.getByLabel('I understand').check();
  await anna.presses('Remove');
  await anna.sees('It is removed.');
});

journey('a sign-in that is some minutes old changes no authenticator', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  await anna.opens('/sign-in/again?next=/authenticators/add');
  await anna.sees('Please sign in once more first');
  await anna.entersPassword();
  await anna.entersCode();
  await anna.isAt('/authenticators/add');
});

journey('somebody makes recovery codes, and the old ones are void', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.hasRecoveryCodes();
  await anna.signsIn();
  await anna.opens('/authenticators/codes');
  await anna.presses('Show me new codes');
  const codes = await anna.page.locator('.codes li').allInnerTexts();
  assert.equal(new Set(codes).size, 10);
  await anna.follows('I have kept them');
  await anna.sees('You have 10 recovery codes left.');
  await anna.signsOut();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  await anna.presses('Use a recovery code');
  await anna.entersCode(anna.recoveryCodes[0]);
  await anna.seesAProblem(/code is not right/);
  await anna.entersCode(codes[0]);
  await anna.isAt('/home');
});

journey('somebody with two ways says which is asked for first', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.hasTheApp();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  await anna.takesTheirCode();
  await anna.opens('/authenticators');
  await anna.page.getByRole('radio', { name: /code/i }).first().check();
  await anna.presses('Save');
  await anna.sees('You are asked for it first from now on.');
  await anna.signsOut();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  assert.equal(await anna.title(), 'Enter a code');
});
