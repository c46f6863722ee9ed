// Passkeys: added, used beside the password and in its place, and given up.
import assert from 'node:assert/strict';

import { journey } from '../journey.mjs';
import { vestibule } from '../world.mjs';

/** Adds a passkey in a session that has just begun. */
async function addsAPasskey(anna, name = 'Work laptop') {
  await anna.opens('/passkeys');
  await anna.follows('Add a passkey');
  await anna.fills('Name of the passkey', name);
  await anna.presses('Add a passkey');
  await anna.sees('The passkey was added.');
  await anna.sees(name);
}

/** The touch that the key waits for comes by itself, or not. */
const touches = (anna, enabled) =>
  anna.tools.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: anna.key, enabled });

const comesHome = (anna) => anna.page.waitForURL(/\/home$/);

journey.withScripts('somebody adds a passkey and signs in with it beside the password', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.hasASecurityKey();
  await anna.signsIn();
  await addsAPasskey(anna);
  const [passkey, ...more] = await anna.passkeysOnTheKey();
  assert.ok(passkey.isResidentCredential && more.length === 0);
  await anna.sees('Never');

  await anna.signsOut();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  // What was used last comes first.
  await touches(anna, false);
  await anna.presses('Use a passkey');
  await anna.sees('Your browser asks for your passkey.');
  await touches(anna, true);
  await comesHome(anna);

  await anna.signsOut();
  await anna.opens('/sign-in');
  await touches(anna, false);
  await anna.entersPassword();
  await anna.sees('Your browser asks for your passkey.');
  await anna.presses('Enter a code from my authenticator app');
  await anna.sees('The code that your authenticator app or token shows');
});

journey.withScripts('a passkey that is not opened by its owner is no way in, and another way is', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.hasASecurityKey();
  await anna.signsIn();
  await addsAPasskey(anna);
  await anna.signsOut();
  await anna.tools.send('WebAuthn.setUserVerified', { authenticatorId: anna.key, isUserVerified: false });
  await anna.opens('/sign-in');
  await anna.entersPassword();
  await anna.presses('Use a passkey');
  await anna.sees('That was cancelled, or it took too long.');
  await anna.looksAround();
  await anna.button('Use my passkey').click();
  await anna.sees('That was cancelled, or it took too long.');
  await anna.presses('Enter a code from my authenticator app');
  await anna.entersCode();
  await anna.isAt('/home');
});

journey.withScripts('the same key is not added twice', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.hasASecurityKey();
  await anna.signsIn();
  await addsAPasskey(anna);
  await anna.opens('/passkeys/add');
  await anna.button('Add a passkey').click();
  await anna.sees('This device has a passkey for you already.');
  await anna.looksAround();
});

journey.withScripts('somebody renames a passkey and removes it', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.hasASecurityKey();
  await anna.signsIn();
  await addsAPasskey(anna, 'First');
  await anna.follows('Rename');
  await anna.fills('Name of the passkey', 'Second');
  await anna.presses('Save the name');
  await anna.sees('Second');
  await anna.follows('Remove');
  await anna.sees('You can no longer sign in with it.');
  await anna.presses('Remove this passkey');
  await anna.sees('You have no passkey yet.');
});

journey.withScripts('a passkey alone opens the portal where that is allowed', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.hasASecurityKey();
  await anna.signsIn();
  await addsAPasskey(anna);
  await anna.signsOut();
  await vestibule('portal', 'set', 'passkey-first=on');
  try {
    await touches(anna, false);
    await anna.opens('/sign-in');
    await anna.button('Sign in with a passkey').click();
    await touches(anna, true);
    await comesHome(anna);
    await anna.sees(anna.name);
  } finally {
    await vestibule('portal', 'unset', 'passkey-first');
  }
});

journey.withoutScripts('whoever has switched scripts off is told that a passkey needs them', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  await anna.opens('/passkeys/add');
  await anna.sees('A passkey needs JavaScript, which is switched off in this browser.');
});
