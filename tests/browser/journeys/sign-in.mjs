// Coming in.
import assert from 'node:assert/strict';

import { journey } from '../journey.mjs';
import { until } from '../world.mjs';

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
