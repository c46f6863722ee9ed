// A mail server that takes everything and keeps it: SMTP (RFC 5321), as much as a sender needs.
import { createServer } from 'node:net';

import { mailPort, until } from './world.mjs';

const letters = [];
let server;

function decoded(text, encoding) {
  if (/base64/i.test(encoding)) return Buffer.from(text, 'base64').toString('utf8');
  if (!/quoted-printable/i.test(encoding)) return text;
  const bytes = text
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** RFC 2047. */
function words(text) {
  return text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([bq])\?(.*?)\?=/gi, (_, kind, word) =>
      kind.toLowerCase() === 'b' ? decoded(word, 'base64') : decoded(word.replace(/_/g, ' '), 'quoted-printable'));
}

/** Headers (lower case) and the parts of a message, by their media types (RFC 2045, RFC 2046). */
export function read(raw) {
  const split = raw.search(/\r?\n\r?\n/);
  const head = raw.slice(0, split).replace(/\r?\n[ \t]+/g, ' ');
  const body = raw.slice(split).replace(/^\r?\n\r?\n/, '');
  const headers = Object.fromEntries(
    head.split(/\r?\n/).map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
  const type = headers['content-type'] ?? 'text/plain';
  const boundary = /boundary="?([^";]+)"?/i.exec(type)?.[1];
  if (boundary === undefined) {
    // latin1 is how the bytes came in.
    const text = decoded(body, headers['content-transfer-encoding'] ?? '');
    return { headers, parts: { [type.split(';')[0].trim().toLowerCase()]: text } };
  }
  const parts = {};
  for (const part of body.split(`--${boundary}`).slice(1)) {
    if (!part.startsWith('--')) Object.assign(parts, read(part.replace(/^\r?\n/, '')).parts);
  }
  return { headers, parts };
}

function talk(socket) {
  let received = '';
  let letter;
  let body = false;
  const say = (line) => socket.write(`${line}\r\n`);
  socket.setEncoding('latin1');
  socket.on('error', () => {});
  say('220 mail.example.test ready');
  socket.on('data', (bytes) => {
    received += bytes;
    for (let end; (end = received.indexOf('\r\n')) >= 0; ) {
      const line = received.slice(0, end);
      received = received.slice(end + 2);
      if (body) {
        if (line === '.') {
          body = false;
          const { headers, parts } = read(letter.lines.join('\r\n'));
          letters.push({
            to: letter.to,
            subject: words(headers.subject ?? ''),
            text: parts['text/plain'] ?? '',
            html: parts['text/html'] ?? '',
            headers,
          });
          say('250 kept');
        } else letter.lines.push(line.replace(/^\.\./, '.'));
      } else if (/^EHLO/i.test(line)) say('250-mail.example.test\r\n250-8BITMIME\r\n250 SIZE 10000000');
      else if (/^MAIL FROM:/i.test(line)) {
        letter = { to: [], lines: [] };
        say('250 ok');
      } else if (/^RCPT TO:/i.test(line)) {
        letter.to.push(/<(.*)>/.exec(line)[1]);
        say('250 ok');
      } else if (/^DATA/i.test(line)) {
        body = true;
        say('354 go on');
      } else if (/^QUIT/i.test(line)) {
        say('221 bye');
        socket.end();
      } else say('250 ok');
    }
  });
}

export async function openMailbox() {
  server = createServer(talk);
  await new Promise((resolve, reject) => server.once('error', reject).listen(mailPort, '127.0.0.1', resolve));
}

/** Nobody answers at the mail server's address until it is opened again. */
export async function closeMailbox() {
  await new Promise((resolve) => server.close(resolve));
}

/** The next letter to that address that holds these words; each is handed out once. */
export async function letterTo(to, about) {
  return until(`a letter to ${to} about ${about}; there are: ${letters.map((letter) => `${letter.to} ${letter.subject}`).join(', ')}`, () => {
    const at = letters.findIndex((letter) => letter.to.includes(to) && about.test(`${letter.subject}\n${letter.text}`));
    return at < 0 ? undefined : letters.splice(at, 1)[0];
  }, 30);
}

/** The one link to our pages in that letter. */
export function linkIn(letter) {
  const link = /https:\/\/\S+/.exec(letter.text)?.[0];
  if (link === undefined) throw new Error(`there is no link in this letter:\n${letter.text}`);
  return link.replace(/[.>)]+$/, '');
}
