// How fast and how accessible the two pages are that everybody sees.
import assert from 'node:assert/strict';

import { journey } from '../journey.mjs';
import { judge } from '../lighthouse.mjs';
import { url } from '../world.mjs';

const ENOUGH = 95;

/** The best of three: a machine that is busy with something else takes points off, and never adds any. */
async function holds(path, cookies) {
  let best;
  for (let time = 0; time < 3 && !(best?.scores.performance >= ENOUGH); time += 1) {
    const judged = await judge(`${url}${path}`, cookies);
    if (!(best?.scores.performance >= judged.scores.performance)) best = judged;
  }
  const { at, scores, lost } = best;
  assert.equal(at, path);
  for (const [category, score] of Object.entries(scores)) {
    assert.ok(score >= ENOUGH, `${category} of ${path} is ${score}:\n${lost.join('\n')}`);
  }
  assert.equal(Object.keys(scores).length, 2);
}

journey.withScripts('Lighthouse finds little to better on the sign-in page', async () => {
  await holds('/sign-in');
});

journey.withScripts('Lighthouse finds little to better on the page of whoever is signed in', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  await holds('/home', await anna.cookies());
});
