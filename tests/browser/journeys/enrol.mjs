// A first second factor.
import assert from 'node:assert/strict';

import { journey } from '../journey.mjs';
import { Phone } from '../totp.mjs';
import { vestibule } from '../world.mjs';

journey('somebody new sets up an authenticator app, keeps recovery codes, and signs in with both', async ({ somebody }) => {
  const carla = somebody();
  await carla.opens('/');
  await carla.entersPassword();
  await carla.isAt('/enrol');
  await carla.follows('Continue');
  await carla.follows('Authenticator app');
  await carla.setsUpTheirPhone('Carla’s phone');
  await carla.presses('Show me new codes');
  const codes = await carla.page.locator('.codes li').allInnerTexts();
  assert.equal(codes.length, 10);
  await carla.follows('I have kept them');
  await carla.sees('Your account is protected');
  await carla.follows('Later');
  await carla.isAt('/home');
  await carla.signsOut();
  await carla.signsIn();
  await carla.signsOut();
  await carla.opens('/sign-in');
  await carla.entersPassword();
  await carla.presses('Use a recovery code');
  await carla.entersCode(codes[3]);
  await carla.isAt('/home');
});

journey.withScripts('somebody new sets up an authenticator app with the keyboard alone', async ({ somebody }) => {
  const carla = somebody();
  await carla.opens('/sign-in');
  await carla.tabsTo('textbox', 'User name');
  await carla.types(carla.uid);
  await carla.tabsTo('textbox', 'Password');
  await carla.types(carla.password);
  await carla.pressesEnter();
  await carla.tabsTo('link', 'Continue');
  await carla.pressesEnter();
  await carla.tabsTo('link', 'Authenticator app');
  await carla.pressesEnter();
  await carla.tabsTo('button', 'Continue');
  await carla.pressesEnter();
  carla.phone = new Phone(await carla.page.locator('#key').innerText());
  await carla.tabsTo('textbox', 'The code that the app shows now');
  await carla.types(await carla.phone.code());
  await carla.pressesEnter();
  await carla.isAt('/enrol/codes');
  await carla.tabsTo('link', 'Go on without');
  await carla.pressesEnter();
  await carla.sees('Your account is protected');
});

journey('a picture that was scanned and never proven changes nothing, and waits for its owner', async ({ somebody }) => {
  const carla = somebody();
  await carla.opens('/');
  await carla.entersPassword();
  await carla.opens('/enrol/totp');
  await carla.presses('Continue');
  const key = await carla.page.locator('#key').innerText();
  await carla.page.close();
  carla.page = await carla.context.newPage();
  await carla.opens('/');
  await carla.sees('You have begun already');
  await carla.follows('Go on');
  assert.equal(await carla.page.locator('#key').innerText(), key);
  await carla.fills('The code that the app shows now', new Phone(key).wrongCode());
  await carla.presses('Check and add');
  await carla.seesAProblem(/not the code the app should show/);
});

journey('what is set up in one tab is done in the other', async ({ somebody }) => {
  const carla = somebody();
  await carla.opens('/');
  await carla.entersPassword();
  await carla.opens('/enrol/totp');
  await carla.presses('Continue');
  const first = carla.page;
  carla.phone = new Phone(await first.locator('#key').innerText());
  carla.page = await carla.context.newPage();
  await carla.opens('/enrol/totp');
  await carla.fills('The code that the app shows now', await carla.phone.code());
  await carla.presses('Check and add');
  await carla.isAt('/enrol/codes');
  carla.page = first;
  await carla.fills('The code that the app shows now', await carla.phone.code());
  const response = await carla.presses('Check and add');
  assert.ok(response.status() < 500, `${response.status()}`);
  await carla.opens('/authenticators');
  await carla.isAt('/authenticators');
  assert.equal(await carla.page.locator('.cards > li').count(), 1);
});

journey('a link from an administrator serves once', async ({ somebody }) => {
  const carla = somebody();
  const link = /https:\S+/.exec(await vestibule('user', 'enrolment-link', carla.uid))[0];
  await carla.opens(link);
  await carla.sees('This link lets');
  await carla.follows('Continue');
  await carla.entersPassword();
  await carla.opens('/enrol/totp');
  await carla.setsUpTheirPhone('Carla’s phone');
  const finder = somebody();
  await finder.opens(link);
  await finder.sees('This link was used already');
  await finder.opens(`${link.slice(0, -4)}AAAA`);
  await finder.sees('This link is not complete');
});
