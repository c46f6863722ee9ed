// The world that scripts/browser.sh has started, and what an administrator or an accident does to it.
import { execFile, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);

function given(name) {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: start the journeys with scripts/browser.sh`);
  return value;
}

export const url = given('WORLD_URL');
export const origin = new URL(url).origin;
export const host = new URL(url).host;
/** Where it listens: address and port. */
export const [address, port] = given('WORLD_ADDRESS').split(':');
export const plain = given('WORLD_PLAIN');
export const mailPort = Number(given('WORLD_MAIL_PORT'));
export const chrome = given('CHROME');
export const left = given('LEFT');
/** Asks for the journeys whose name holds these words; all of them when empty. */
export const asked = process.env.JOURNEY ?? '';

/** The hash by which Chromium is told to accept the appliance's own certificate, and no other. */
export function certificateHash() {
  const certificate = new X509Certificate(readFileSync(given('WORLD_CERTIFICATE')));
  return createHash('sha256').update(certificate.publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
}

/** Waits for a condition; says what did not come about. */
export async function until(what, condition, seconds = 15) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`did not come about within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The command line of the appliance: what it wrote to standard output. */
export async function vestibule(...words) {
  try {
    const { stdout } = await run(given('WORLD_APPLIANCE'), ['--config', given('WORLD_CONFIG'), ...words]);
    return stdout;
  } catch (failed) {
    throw new Error(`vestibule ${words.join(' ')}: exit code ${failed.code}\n${failed.stdout}${failed.stderr}`);
  }
}

export async function vestibuleJson(...words) {
  return JSON.parse(await vestibule(...words, '--json'));
}

export function log() {
  return readFileSync(given('WORLD_LOG'), 'utf8');
}

// ---- People -------------------------------------------------------------------------------------------------------------

const accounts = readFileSync(given('WORLD_PEOPLE'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split('\t'))
  .map(([uid, dn, password]) => ({ uid, dn, password }))
  .filter(({ dn }) => dn.includes(',ou=people,'));
// These two have left the company; see demo/people.py.
const gone = [17, 101].map((number) => accounts[number].uid);
const waiting = accounts.filter(({ uid }) => !gone.includes(uid));

/** Somebody no other journey knows. */
export function somebody() {
  const account = waiting.shift();
  if (account === undefined) throw new Error('everybody in the directory is taken: give it more people');
  return { ...account, name: account.uid, mail: `${account.uid}@example.test` };
}

/** One of people.ldif: `account` is what the passwords there are made of. */
export function personOf(uid, account) {
  return { uid, name: uid, password: `password-of-${account}` };
}

// ---- The directory ------------------------------------------------------------------------------------------------------

const directory = given('WORLD_DIRECTORY');
const pidfile = `${directory}/slapd.pid`;

function alive(pid) {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function answers(where) {
  return new Promise((resolve) => {
    const socket = connect(Number(where.port), where.hostname);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Nobody listens at the directory's address until what this returns is called. */
export async function stopDirectory() {
  const pid = Number(readFileSync(pidfile, 'utf8'));
  process.kill(pid, 'SIGTERM');
  await until('the directory ends', () => !alive(pid));
  return startDirectory;
}

async function startDirectory() {
  const where = new URL(given('WORLD_DIRECTORY_URL'));
  const out = openSync(`${directory}/slapd.log`, 'a');
  const server = spawn('slapd', ['-d', '256', '-f', `${directory}/slapd.conf`, '-h', where.href.replace(/\/$/, '')], {
    detached: true,
    stdio: ['ignore', out, out],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  closeSync(out);
  server.unref();
  writeFileSync(pidfile, `${server.pid}\n`);
  await until('the directory is back', () => answers(where));
}
