// How fast and how accessible the two pages are that everybody sees.
import assert from 'node:assert/strict';

import { journey } from '../journey.mjs';
import { judge } from '../lighthouse.mjs';
import { url } from '../world.mjs';

const ENOUGH = 95;

function holds({ at, scores, lost }, path) {
  assert.equal(at, path);
  for (const [category, score] of Object.entries(scores)) {
    assert.ok(score >= ENOUGH, `${category} of ${path} is ${score}:\n${lost.join('\n')}`);
  }
  assert.equal(Object.keys(scores).length, 2);
}

journey.withScripts('Lighthouse finds little to better on the sign-in page', async () => {
  holds(await judge(`${url}/sign-in`), '/sign-in');
});

journey.withScripts('Lighthouse finds little to better on the page of whoever is signed in', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  holds(await judge(`${url}/home`, await anna.cookies()), '/home');
});
