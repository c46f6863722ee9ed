// Somebody else's site, under another name of the same machine: what a person is lured to.
import { createServer } from 'node:http';

let server;
let pages = {};

export async function openForeignSite() {
  server = createServer((request, response) => {
    const page = pages[request.url];
    response.writeHead(page === undefined ? 404 : 200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(page ?? '');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

export function closeForeignSite() {
  server.closeAllConnections();
  server.close();
}

/** The address of a foreign page with that content. */
export function foreignPage(html) {
  const path = `/${Object.keys(pages).length + 1}`;
  pages[path] = `<!doctype html><html lang="en"><meta charset="utf-8"><title>A foreign page</title><link rel="icon" href="data:,">${html}`;
  return `http://foreign.example.test:${server.address().port}${path}`;
}

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');

/** A foreign page with a form to ours that its button "Win a prize" sends off. */
export function foreignForm(action, fields) {
  const inputs = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`);
  return foreignPage(`<h1>You have won</h1><form method="post" action="${escaped(action)}">${inputs.join('')}<button>Win a prize</button></form>`);
}
