// Requests that no well-behaved browser makes.
import { request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';

import { address, host, plain, port } from './world.mjs';

function ask(request, options, body) {
  return new Promise((resolve, reject) => {
    const asking = request({ timeout: 10_000, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
      response.on('error', reject);
    });
    asking.on('error', reject).on('timeout', () => asking.destroy(new Error('no answer within 10 s')));
    asking.end(body);
  });
}

/** One request over HTTPS; `headers` may name another host. */
export function secure(path, { method = 'GET', headers = {}, body } = {}) {
  const [name] = host.split(':');
  return ask(secureRequest, { host: address, port, path, method, headers: { host, ...headers }, servername: name, rejectUnauthorized: false }, body);
}

/** One request over plain HTTP. */
export function unprotected(path, headers = {}) {
  const [at, on] = plain.split(':');
  return ask(plainRequest, { host: at, port: on, path, headers: { host, ...headers } });
}

/** A Cookie header of a browser's cookies. */
export function cookieHeader(cookies) {
  return cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
}
