// A journey: a sentence about what somebody does, taken with scripts and without them.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

import { Person } from './person.mjs';
import { asked, left, personOf, somebody } from './world.mjs';

const LIMIT = 150_000; // ms, for the slowest on a busy machine
let count = 0;

/** How many journeys were found by the words that were asked for. */
export function journeys() {
  return count;
}

async function keepWhatIsOpen(name, people) {
  const stem = `${left}/${name.replace(/[^a-zA-Z0-9]+/g, '-').slice(0, 80)}`;
  mkdirSync(left, { recursive: true });
  for (const [number, person] of people.entries()) {
    for (const page of person.context?.pages() ?? []) {
      try {
        await page.screenshot({ path: `${stem}-${number}.png`, fullPage: true, timeout: 5000 });
        writeFileSync(`${stem}-${number}.html`, `<!-- ${page.url()} -->\n${await page.content()}`);
      } catch (fault) {
        writeFileSync(`${stem}-${number}.txt`, `${page.url()}: ${fault}`);
      }
    }
  }
}

function take(name, scripts, body) {
  if (!name.toLowerCase().includes(asked.toLowerCase())) return;
  count += 1;
  test(name, { timeout: LIMIT }, async () => {
    const people = [];
    const meet = (account) => {
      const person = new Person(account, scripts);
      people.push(person);
      return person;
    };
    try {
      await body({ somebody: () => meet(somebody()), known: (uid, account) => meet(personOf(uid, account)), scripts });
      for (const person of people) assert.ok(person.faults.length === 0, person.faults.join('\n'));
    } catch (fault) {
      await keepWhatIsOpen(name, people);
      throw fault;
    } finally {
      for (const person of people) await person.leaves();
    }
  });
}

/** Taken twice: with scripts, and without. */
export function journey(name, body) {
  take(name, true, body);
  take(`${name}, without JavaScript`, false, body);
}

/** For what only scripts can do. */
journey.withScripts = (name, body) => take(name, true, body);
/** For what does not depend on scripts, or is there only without them. */
journey.withoutScripts = (name, body) => take(`${name}, without JavaScript`, false, body);
