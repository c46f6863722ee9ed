// What people do for themselves, and on the day something is wrong.
import assert from 'node:assert/strict';

import { journey } from '../journey.mjs';
import { vestibule } from '../world.mjs';

journey('every page that somebody can come to by links is sound', async ({ somebody }) => {
  await vestibule('portal', 'set', 'bypass=on', 'questions=on');
  const anna = await somebody().hasAnAuthenticator();
  await anna.hasTheApp();
  await anna.hasRecoveryCodes();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  await anna.takesTheirCode();
  const seen = new Set();
  const ahead = ['/home'];
  while (ahead.length > 0) {
    const address = ahead.shift();
    const response = await anna.opens(address);
    assert.ok(response.status() < 400, `${address}: ${response.status()}`);
    const links = await anna.page.locator('a[href^="/"]').evaluateAll((all) => all.map(({ href }) => new URL(href).pathname + new URL(href).search));
    for (const link of links) {
      const kind = link.replace(/[0-9a-f-]{30,}/g, 'ID').replace(/before=.*/, '');
      if (!seen.has(kind)) {
        seen.add(kind);
        ahead.push(link);
      }
    }
  }
  for (const path of ['/security', '/security/history', '/security/sessions', '/security/language', '/security/phones', '/security/bypass', '/security/questions', '/authenticators', '/authenticators/add', '/authenticators/totp', '/authenticators/token', '/authenticators/codes', '/passkeys', '/passkeys/add', '/help']) {
    assert.ok(seen.has(path), `no link leads to ${path}; they lead to ${[...seen].sort().join(' ')}`);
  }
});

journey('somebody sees what has happened, and says that it was not them', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  await anna.opens('/security/history');
  await anna.sees('Signed in');
  await anna.sees('code from an app');
  await anna.follows(/This wasn’t me/);
  await anna.presses('Block my account');
  await anna.sees('Nobody can sign in with it now');
  await anna.opens('/home');
  await anna.isAt('/sign-in');
  await anna.entersPassword();
  await anna.seesAProblem(/could not sign you in/);
});

journey('somebody ends a session that was left open elsewhere', async ({ somebody, known }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  const elsewhere = known(anna.uid, anna.name);
  Object.assign(elsewhere, { password: anna.password, phone: anna.phone });
  await elsewhere.signsIn();
  await anna.opens('/security/sessions');
  await anna.presses(/End this one/);
  await anna.sees('That browser is signed out.');
  await elsewhere.opens('/home');
  await elsewhere.isAt('/sign-in');
});

journey('somebody lets themselves in once without the phone', async ({ somebody }) => {
  await vestibule('portal', 'set', 'bypass=on');
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  await anna.opens('/security/bypass');
  await anna.fills('Why you need it', 'the battery is flat');
  await anna.presses('Start the bypass');
  await anna.sees('The bypass has begun.');
  await anna.signsOut();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  if ((await anna.button('Use my one-time bypass').count()) > 0) await anna.presses('Use my one-time bypass');
  await anna.isAt('/home');
  await anna.signsOut();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  await anna.isAt('/sign-in/next');
});

journey('the language that somebody chooses holds from then on', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  await anna.opens('/security/language');
  await anna.page.getByLabel('Deutsch').check();
  await anna.presses('Save');
  assert.equal(await anna.page.locator('html').getAttribute('lang'), 'de');
  await anna.opens('/home');
  assert.equal(await anna.page.locator('html').getAttribute('lang'), 'de');
});

journey('somebody who has lost everything answers their questions and comes to the recovery page, and no further', async ({ somebody }) => {
  await vestibule('portal', 'set', 'questions=on');
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  await anna.opens('/security/questions');
  const wanted = await anna.page.locator('select').count();
  const answers = new Map();
  for (let number = 0; number < wanted; number += 1) {
    const choice = anna.page.locator('select').nth(number);
    await choice.selectOption({ index: number + 1 });
    const text = await choice.locator('option:checked').innerText();
    answers.set(text, `an answer, number ${number}`);
    await anna.page.getByLabel('Answer').nth(number).fill(answers.get(text));
  }
  await anna.presses('Save');
  await anna.sees('Your questions are set.');
  await anna.signsOut();
  await anna.opens('/sign-in');
  await anna.entersPassword();
  await anna.follows('I do not have my device');
  await anna.follows('Answer your questions');
  for (const label of await anna.page.locator('main label').allInnerTexts()) await anna.fills(label, answers.get(label));
  await anna.presses('Continue');
  await anna.isAt('/recovery');
  await anna.opens('/home');
  await anna.isAt('/recovery');
});
