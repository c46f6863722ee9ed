// Codes of an authenticator app (RFC 6238 with SHA-1, six digits, 30 seconds), as somebody reads them off a phone.
import { createHmac } from 'node:crypto';

const STEP = 30;

/** RFC 4648 section 6. */
export function fromBase32(text) {
  let bits = '';
  for (const letter of text.toUpperCase().replace(/[^A-Z2-7]/g, '')) {
    bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0');
  }
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

export function hotp(secret, counter, digits = 6) {
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(counter));
  const mac = createHmac('sha1', secret).update(message).digest();
  const number = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

/** One authenticator: each code is given out once, as each is taken once. */
export class Phone {
  constructor(secret) {
    this.secret = fromBase32(secret);
    this.last = 0;
  }

  /** The code shown now, or if that one was used the next: a clock may be one step fast. Past that one has to wait. */
  async code() {
    const now = () => Math.floor(Date.now() / 1000 / STEP);
    const step = Math.max(now(), this.last + 1);
    const early = (step - 1) * STEP * 1000 - Date.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early + 200));
    this.last = step;
    return hotp(this.secret, step);
  }

  /** Six digits that are no code of this phone anywhere near now. */
  wrongCode() {
    const now = Math.floor(Date.now() / 1000 / STEP);
    const right = new Set(Array.from({ length: 61 }, (_, offset) => hotp(this.secret, now - 30 + offset)));
    let code = this.wrong ?? 100000;
    while (right.has(String(code))) code += 1;
    this.wrong = code + 1;
    return String(code);
  }
}
