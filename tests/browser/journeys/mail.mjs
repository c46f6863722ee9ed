// What people are told by mail.
import assert from 'node:assert/strict';

import { journey } from '../journey.mjs';
import { closeMailbox, letterTo, linkIn, openMailbox } from '../mailbox.mjs';
import { mailPort, vestibule } from '../world.mjs';

function mailServer() {
  return vestibule('mail', 'set', '--host', '127.0.0.1', '--port', String(mailPort), '--security', 'none', '--from', 'mfa@example.test');
}

journey('who adds an authenticator is told by mail, and the mail leads to our pages only', async ({ somebody }) => {
  await mailServer();
  const carla = somebody();
  await carla.opens('/');
  await carla.entersPassword();
  await carla.opens('/enrol/totp');
  await carla.setsUpTheirPhone('Carla’s phone');
  const letter = await letterTo(carla.mail, /authenticator|second|sign-in/i);
  assert.ok(!/<script|https?:\/\/(?!mfa\.example\.test:)/.test(letter.html), letter.html);
  await carla.opens(linkIn(letter));
});

journey.withScripts('a mail server that is away loses no mail', async ({ somebody }) => {
  await mailServer();
  await closeMailbox();
  const carla = somebody();
  try {
    await carla.opens('/');
    await carla.entersPassword();
    await carla.opens('/enrol/totp');
    await carla.setsUpTheirPhone('Carla’s phone');
    assert.match(await vestibule('mail', 'queue'), new RegExp(carla.uid));
  } finally {
    await openMailbox();
  }
  // It may have gone out by itself by now.
  await vestibule('mail', 'retry', '--all').catch(() => {});
  await letterTo(carla.mail, /./);
});
