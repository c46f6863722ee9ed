// What goes wrong, and what people are told.
import assert from 'node:assert/strict';

import { foreignForm } from '../foreign.mjs';
import { journey } from '../journey.mjs';
import { cookieHeader, secure, unprotected } from '../raw.mjs';
import { Phone } from '../totp.mjs';
import { host, origin, stopDirectory } from '../world.mjs';

journey('a form with a token that is not its own changes nothing and says so', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.opens('/sign-in');
  await anna.page.locator('input[name=csrf]').first().evaluate((field) => (field.value = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'));
  const response = await anna.entersPassword();
  assert.equal(response.status(), 403);
  await anna.sees('This page was open for too long');
  await anna.opens('/home');
  await anna.isAt('/sign-in');
});

journey('a form on somebody else\'s site signs nobody out', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  const csrf = await anna.page.locator('input[name=csrf]').first().inputValue();
  // Even with the token, which a foreign site cannot read.
  await anna.opens(foreignForm(`${origin}/sign-out`, { csrf }));
  const response = await anna.presses('Win a prize');
  assert.equal(response.status(), 403);
  await anna.sees('This did not come from our own page');
  await anna.opens('/home');
  await anna.isAt('/home');
});

journey('a form on somebody else\'s site signs nobody in', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.opens(foreignForm(`${origin}/sign-in`, { name: anna.uid, password: anna.password }));
  const response = await anna.presses('Win a prize');
  assert.equal(response.status(), 403);
  await anna.sees('This did not come from our own page');
});

journey('an address that is not ours is refused, and the right one named', async ({ somebody }) => {
  const anna = somebody();
  await anna.opensABrowser();
  const response = await anna.page.goto(`${origin.replace('mfa.', 'other.')}/sign-in`);
  assert.equal(response.status(), 421);
  await anna.sees(origin);
  await anna.seesNo('other.example.test');
});

journey.withScripts('no answer repeats a host name that was made up', async () => {
  for (const name of ['evil.example', `${host}.evil.example`, `evil.example@${host}`, '']) {
    const { status, text, headers } = await secure('/sign-in', { headers: { host: name } });
    assert.ok([400, 421].includes(status), `${name}: ${status}`);
    assert.ok(!`${text}${JSON.stringify(headers)}`.includes('evil'), `${name}: ${text}`);
    const forwarded = await secure('/sign-in', { headers: { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' } });
    assert.ok(!`${forwarded.text}${JSON.stringify(forwarded.headers)}`.includes('evil'));
  }
});

journey.withScripts('plain HTTP leads to HTTPS at our own address, whatever host was asked for', async () => {
  const { status, headers } = await unprotected('/sign-in?next=/home');
  assert.ok([301, 302, 307, 308].includes(status), `${status}`);
  assert.ok(headers.location.startsWith(`${origin}/`), headers.location);
  const foreign = await unprotected('/', { host: 'evil.example' });
  assert.ok(!JSON.stringify(foreign).includes('evil'), JSON.stringify(foreign));
});

journey.withScripts('every answer carries the headers that keep a page to itself', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  const cookie = cookieHeader(await anna.cookies());
  for (const [path, as] of [['/sign-in', ''], ['/home', cookie], ['/nowhere', ''], ['/', cookie]]) {
    const { headers } = await secure(path, { headers: as === '' ? {} : { cookie: as } });
    const policy = headers['content-security-policy'] ?? '';
    for (const part of ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"]) {
      assert.ok(policy.includes(part), `${path}: ${part} is not in "${policy}"`);
    }
    assert.ok(!/unsafe-|\*/.test(policy), `${path}: ${policy}`);
    assert.equal(headers['x-content-type-options'], 'nosniff', path);
    assert.match(headers['strict-transport-security'] ?? '', /max-age=\d{8}/, path);
    assert.match(headers['referrer-policy'] ?? '', /no-referrer|same-origin/, path);
    assert.match(headers['cache-control'] ?? '', /no-store/, path);
    assert.equal(headers['access-control-allow-origin'], undefined, path);
  }
});

journey('after signing out the back button shows nothing', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  await anna.sees(anna.name);
  await anna.signsOut();
  await anna.goesBack();
  await anna.isAt('/sign-in');
  await anna.seesNo(anna.name);
});

journey('a stolen cookie is worth nothing once its owner has signed out', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  const stolen = await anna.cookies();
  for (const cookie of stolen) {
    assert.ok(cookie.name.startsWith('__Host-') && cookie.secure && cookie.httpOnly && ['Lax', 'Strict'].includes(cookie.sameSite), JSON.stringify(cookie));
  }
  const thief = somebody();
  thief.comesWith = { storageState: { cookies: stolen, origins: [] } };
  await thief.opens('/home');
  await thief.isAt('/home'); // as long as it lives, the cookie is the session: so this test can fail
  await anna.signsOut();
  await thief.opens('/home');
  await thief.isAt('/sign-in');
});

journey('the cookies from before a sign-in are not those after it', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.opens('/sign-in');
  const before = new Map((await anna.cookies()).map(({ name, value }) => [name, value]));
  assert.ok(before.size > 0);
  await anna.entersPassword();
  await anna.entersCode();
  await anna.isAt('/home');
  for (const { name, value } of await anna.cookies()) assert.notEqual(before.get(name), value, `${name} has stayed what it was`);
});

journey('after thirty wrong codes the right one is not taken either, and nothing tells why', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  let last;
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const field = anna.page?.getByLabel('Code', { exact: true });
    if (field !== undefined && (await field.count()) > 0) await anna.entersCode(anna.phone.wrongCode());
    else {
      await anna.opens('/sign-in');
      await anna.entersPassword();
    }
    const alert = anna.page.getByRole('alert').first();
    if ((await alert.count()) > 0) last = await alert.innerText();
  }
  assert.match(last, /could not sign you in|too many attempts/);
  await anna.opens('/sign-in');
  await anna.entersPassword();
  await anna.seesAProblem(/could not sign you in|too many attempts/);
  await anna.isAt('/sign-in');
});

journey('whoever is signed in and tries wrong codes is told how long to wait', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  await anna.opens('/authenticators/totp');
  await anna.presses('Continue');
  const phone = new Phone(await anna.page.locator('#key').innerText());
  let said = '';
  for (let attempt = 0; attempt < 30 && !/minute/.test(said); attempt += 1) {
    await anna.fills('The code that the app shows now', phone.wrongCode());
    await anna.presses('Check and add');
    said = await anna.page.getByRole('alert').first().innerText();
  }
  assert.match(said, /too many wrong codes. In (one|.*\d.*) minute/);
});

journey('an unknown name and a wrong password are answered alike', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.opens('/sign-in');
  await anna.entersPassword('not the password');
  const wrongPassword = await anna.seesAProblem(/could not sign you in/);
  const nobody = somebody();
  await nobody.opens('/sign-in');
  nobody.uid = 'nobody.at.all';
  await nobody.entersPassword('not the password');
  const unknown = await nobody.seesAProblem(/could not sign you in/);
  const plain = (text) => text.replace(/[0-9a-f]{8}-[0-9a-f-]+/g, 'ID');
  assert.equal(plain(unknown), plain(wrongPassword));
});

journey('while the directory is down people are told so, and who is signed in stays so', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  await anna.signsIn();
  const bruno = await somebody().hasAnAuthenticator();
  await bruno.opens('/sign-in');
  const startDirectory = await stopDirectory();
  try {
    const response = await bruno.entersPassword();
    assert.equal(response.status(), 503);
    await bruno.sees('nothing counts against you');
    await anna.opens('/home');
    await anna.isAt('/home');
    await anna.sees(anna.name);
  } finally {
    await startDirectory();
  }
  await bruno.signsIn();
});

for (const [account, uid] of [
  ['markup', '<b onmouseover>bold</b>&amp;"\'<script>alert(1)</script>'],
  ['noor', 'نورالهدى'],
  ['letters', 'zoë☺-łukasz-𝒜'],
]) {
  journey(`somebody whose user name is hard to show sees it as it is: ${account}`, async ({ known }) => {
    const person = await known(uid, account).hasAnAuthenticator();
    await person.signsIn();
    await person.sees(uid);
    await person.opens('/security/history');
    assert.equal(await person.page.locator('[onmouseover], main script').count(), 0);
  });
}

journey.withScripts('a form that is too large is refused, and the browser hears why', async ({ somebody }) => {
  const anna = somebody();
  await anna.opens('/sign-in');
  await anna.page.getByLabel('Password').evaluate((field) => field.removeAttribute('maxlength'));
  const response = await anna.entersPassword('x'.repeat(70_000));
  assert.equal(response.status(), 413);
  await anna.sees('That is too much at once');
});

journey('a page that is not there says so and leads home', async ({ somebody }) => {
  const anna = await somebody().hasAnAuthenticator();
  const response = await anna.opens('/nowhere');
  assert.equal(response.status(), 404);
  await anna.sees('There is no such page');
  await anna.follows('Home');
  await anna.isAt('/sign-in');
});
