// Passkeys, with a security key of the browser's own.
import assert from 'node:assert/strict';

import { journey } from '../journey.mjs';
import { vestibule } from '../world.mjs';

async function withAPasskey(somebody) {
  const anna = await somebody().hasAnAuthenticator();
  await anna.hasASecurityKey();
  await anna.signsIn();
  await anna.opens('/passkeys');
  await anna.follows('Add a passkey');
  await anna.fills('Name of the passkey', 'Work laptop');
  await anna.presses('Add a passkey');
  await anna.sees('The passkey was added.');
  return anna;
}

journey.withScripts('somebody adds a passkey and signs in with it after the password', async ({ somebody }) => {
  const anna = await withAPasskey(somebody);
  const [key] = await anna.passkeysOnTheKey();
  assert.ok(key.isResidentCredential);
  assert.equal(key.rpId, 'mfa.example.test');
  await anna.signsOut();
  await anna.opens('/sign-in');
  await anna.fills('User name', anna.uid);
  await anna.fills('Password', anna.password);
  const arrived = anna.page.waitForURL('**/home');
  await anna.button('Sign in').first().click();
  if (!(await Promise.race([arrived.then(() => true), anna.page.getByRole('button', { name: 'Use a passkey' }).waitFor().then(() => false)]))) {
    await anna.button('Use a passkey').click();
    await arrived;
  }
  await anna.looksAround();
  await anna.isAt('/home');
});

journey.withScripts('a passkey that verifies its owner opens the portal alone, where that is allowed', async ({ somebody }) => {
  await vestibule('portal', 'set', 'passkey-first=on');
  try {
    const anna = await withAPasskey(somebody);
    await anna.tools.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: anna.key, enabled: false });
    await anna.signsOut();
    await anna.opens('/sign-in');
    await anna.tools.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: anna.key, enabled: true });
    if (anna.path() !== '/home') {
      const arrived = anna.page.waitForURL('**/home');
      await anna.button('Sign in with a passkey').click();
      await arrived;
    }
    await anna.looksAround();
    await anna.isAt('/home');
  } finally {
    await vestibule('portal', 'unset', 'passkey-first');
  }
});

journey.withScripts('somebody renames a passkey and removes it', async ({ somebody }) => {
  const anna = await withAPasskey(somebody);
  await anna.follows(/Rename/);
  await anna.fills('Name of the passkey', 'Old laptop');
  await anna.presses('Save the name');
  await anna.sees('Old laptop');
  await anna.follows(/Remove/);
  await anna.presses('Remove this passkey');
  await anna.sees('The passkey was removed.');
  await anna.sees('You have no passkey yet.');
});

journey.withScripts('somebody whose finger is not known adds no passkey, and is told', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.hasASecurityKey({ verifies: false });
  await anna.signsIn();
  await anna.opens('/passkeys/add');
  await anna.fills('Name of the passkey', 'Work laptop');
  await anna.button('Add a passkey').click();
  await anna.page.getByRole('alert').getByText('That was cancelled').waitFor();
  await anna.looksAround();
  assert.deepEqual(await anna.passkeysOnTheKey(), []);
});

journey.withoutScripts('a browser without scripts is told that passkeys need them', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  await anna.opens('/passkeys/add');
  await anna.sees('A passkey needs JavaScript');
});
