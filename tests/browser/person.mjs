// Somebody in front of a browser. What they do is said in their words; what holds for every page they come to is looked
// at on the way (examine.mjs).
import assert from 'node:assert/strict';

import { newContext } from './chromium.mjs';
import { examine, watch } from './examine.mjs';
import { Phone } from './totp.mjs';
import { until, url, vestibule, vestibuleJson } from './world.mjs';

/** Without the marks that part a value from the text around it, in case it is written the other way round. */
const plain = (text) => text.replace(/[\u2066-\u2069]/g, '');

let people = 0;

export class Person {
  constructor(account, scripts) {
    Object.assign(this, account);
    this.scripts = scripts;
    this.faults = [];
    people += 1;
    this.address = `10.1.${people >> 8}.${people & 255}`;
    /** Set before the first page is opened, to come with another language or another browser. */
    this.comesWith = {};
  }

  // ---- What an administrator has done for them ---------------------------------------------------------------------------

  async hasAnAuthenticator() {
    const { secret_base32: secret } = await vestibuleJson('user', 'enrol-totp', this.uid);
    this.phone = new Phone(secret);
    return this;
  }

  async hasTheApp() {
    await vestibule('user', 'enrol-app', this.uid);
    return this;
  }

  async hasRecoveryCodes() {
    const shown = await vestibule('user', 'recovery-codes', this.uid);
    this.recoveryCodes = shown.match(/\b[a-zA-Z0-9]{4,}(?:-[a-zA-Z0-9]{4,})+\b/g);
    assert.equal(this.recoveryCodes?.length, 10, `ten recovery codes in:\n${shown}`);
    return this;
  }

  // ---- The browser ---------------------------------------------------------------------------------------------------------

  async opensABrowser() {
    if (this.page === undefined) {
      this.context = await newContext({ javaScriptEnabled: this.scripts, extraHTTPHeaders: { 'x-forwarded-for': this.address }, ...this.comesWith });
      watch(this.context, this.faults);
      this.page = await this.context.newPage();
      this.page.setDefaultTimeout(5_000);
    }
    return this.page;
  }

  async leaves() {
    await this.context?.close();
    this.context = undefined;
    this.page = undefined;
  }

  async looksAround() {
    await examine(this.page, this);
  }

  /** Goes to an address of ours, or any other; answers the response. */
  async opens(address) {
    const page = await this.opensABrowser();
    const response = await page.goto(new URL(address, url).href);
    await this.looksAround();
    return response;
  }

  /** Does something that leads to another page, and comes there. */
  async comesTo(what, act) {
    const arrived = this.page.waitForNavigation({ waitUntil: 'load' });
    const [response] = await Promise.all([arrived, act()]).catch((fault) => {
      throw new Error(`${what}: no page came: ${fault.message}`, { cause: fault });
    });
    await this.looksAround();
    return response;
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: typeof name === 'string' });
  }

  presses(name) {
    return this.comesTo(`pressing ${name}`, () => this.button(name).first().click());
  }

  /** A link of the page itself, or else of its menu. */
  async follows(name) {
    const exact = typeof name === 'string';
    const own = this.page.getByRole('main').getByRole('link', { name, exact }).first();
    const link = (await own.count()) > 0 ? own : this.page.getByRole('link', { name, exact }).first();
    return this.comesTo(`following ${name}`, () => link.click());
  }

  async fills(label, text) {
    await this.page.getByLabel(label, { exact: true }).first().fill(text);
  }

  goesBack() {
    return this.comesTo('going back', () => this.page.goBack());
  }

  path() {
    const { pathname } = new URL(this.page.url());
    return pathname;
  }

  async title() {
    return this.page.getByRole('heading', { level: 1 }).innerText();
  }

  /** Says what is on the page instead when it is not there. */
  async sees(text) {
    const main = this.page.getByRole('main');
    const there = async () => {
      const words = plain(await main.innerText());
      return text instanceof RegExp ? text.test(words) : words.includes(text);
    };
    const found = await until('the text', there, 5).then(() => true, () => false);
    assert.ok(found, `${text} is not on ${this.page.url()}, but:\n${await main.innerText()}`);
  }

  async seesNo(text) {
    const words = await this.page.locator('body').innerText();
    assert.ok(!(text instanceof RegExp ? text.test(words) : words.includes(text)), `${text} is on ${this.page.url()}:\n${words}`);
  }

  async seesAProblem(text) {
    const said = await this.page.getByRole('alert').first().innerText();
    assert.match(said, text);
    return said;
  }

  async isAt(path) {
    if (path instanceof RegExp) assert.match(this.path(), path, await this.page.locator('body').innerText());
    else assert.equal(this.path(), path, await this.page.locator('body').innerText());
  }

  // ---- Signing in ----------------------------------------------------------------------------------------------------------

  async entersPassword(password = this.password) {
    const name = this.page.getByLabel('User name');
    if (await name.isEditable()) await name.fill(this.uid);
    await this.page.getByLabel('Password').fill(password);
    return this.presses('Sign in');
  }

  async entersCode(code) {
    await this.page.getByLabel('Code', { exact: true }).fill(code ?? (await this.phone.code()));
    return this.presses('Continue');
  }

  async signsIn() {
    await this.opens('/');
    await this.entersPassword();
    await this.takesTheirCode();
  }

  async signsOut() {
    await this.presses('Sign out');
  }

  /** Of several ways takes the code of their authenticator app, whichever is asked for first. */
  async takesTheirCode() {
    const field = this.page.getByLabel('Code', { exact: true });
    if ((await field.count()) === 0) await this.presses('Enter a code from my authenticator app');
    await this.entersCode();
    await this.isAt('/home');
  }

  /** From the page that asks for a name to the page behind the proof. */
  async setsUpTheirPhone(name) {
    await this.fills('Name', name);
    await this.presses('Continue');
    this.phone = new Phone(await this.page.locator('#key').innerText());
    await this.fills('The code that the app shows now', await this.phone.code());
    await this.presses('Check and add');
    await this.isAt('/enrol/codes');
  }

  /** Answers what waits for their phone, in place of the phone. */
  async answersOnThePhone(answer, ...more) {
    const waiting = await until(`a request to ${this.uid}'s phone`, async () => {
      const all = await vestibuleJson('challenge', 'list');
      return all.find(({ user }) => user === this.uid || user?.name === this.uid || user?.includes?.(this.uid));
    });
    await vestibule('challenge', answer, waiting.id, ...more);
  }

  /** The number that the page shows large. */
  async theNumber() {
    const shown = await this.page.locator('.number').innerText();
    assert.match(shown, /^\d{2}$/);
    return shown;
  }

  approves(number) {
    return this.answersOnThePhone('approve', ...(number === undefined ? [] : ['--number', String(number)]));
  }

  refuses() {
    return this.answersOnThePhone('refuse');
  }

  // ---- By keyboard alone ---------------------------------------------------------------------------------------------------

  /** Presses Tab until that has the focus; its outline has to be seen. */
  async tabsTo(role, name) {
    const wanted = this.page.getByRole(role, { name, exact: true }).first();
    for (let press = 0; press < 60; press += 1) {
      if (await wanted.evaluate((element) => element === document.activeElement)) {
        const outline = await wanted.evaluate((element) => {
          const { outlineStyle, outlineWidth } = getComputedStyle(element);
          return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
        });
        assert.ok(outline, `the focus on ${name} cannot be seen`);
        return;
      }
      await this.page.keyboard.press('Tab');
    }
    assert.fail(`Tab never comes to ${role} ${name} on ${this.page.url()}`);
  }

  types(text) {
    return this.page.keyboard.type(text);
  }

  pressesEnter() {
    return this.comesTo('pressing Enter', () => this.page.keyboard.press('Enter'));
  }

  // ---- A key of their own --------------------------------------------------------------------------------------------------

  /** A security key or fingerprint reader: CTAP 2.1 with user verification, whose touch comes by itself. */
  async hasASecurityKey({ verifies = true, stays = true } = {}) {
    const page = await this.opensABrowser();
    this.tools = await this.context.newCDPSession(page);
    await this.tools.send('WebAuthn.enable', { enableUI: false });
    const { authenticatorId } = await this.tools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        ctap2Version: 'ctap2_1',
        transport: stays ? 'internal' : 'usb',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: verifies,
        automaticPresenceSimulation: true,
      },
    });
    this.key = authenticatorId;
    return this;
  }

  async passkeysOnTheKey() {
    const { credentials } = await this.tools.send('WebAuthn.getCredentials', { authenticatorId: this.key });
    return credentials;
  }

  // ---- The session ---------------------------------------------------------------------------------------------------------

  async cookies() {
    return this.context.cookies(url);
  }
}
