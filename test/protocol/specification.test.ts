import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { ERROR_CODES } from '../../src/core/errors.js';
import { writeExplain, writeLease, writeStat } from '../../src/protocol/index.js';
import { limitsForClients } from '../../src/server/handshake.js';
import { nameIn, pageAt, rowsOf } from '../core/page.js';
import { Harness } from '../pool/harness.js';
import { checkDocumented, documentedCodes } from './documented-errors.js';

test('the specification names the limits of ACCEPT, with their values', () => {
  const page = pageAt('spec/protocol.md');
  const rows = rowsOf(page, 'limit', 'value', 'what a client must do');
  const said = rows.map(([name, value]) => [nameIn(name), Number(value?.replaceAll(',', ''))]);
  assert.deepEqual(Object.fromEntries(said), limitsForClients());
});

test('the specification says which errors of a pool are retryable', () => {
  const codes: { readonly [code: string]: boolean } = ERROR_CODES;
  assert.ok(documentedCodes().size > 30);
  for (const [code, { retryable }] of documentedCodes()) assert.equal(retryable, codes[code], code);
});

test('an error that the specification does not know, or knows otherwise, is found', () => {
  checkDocumented('name-in-use', { name: 'a', pid: null, host: 'h' });
  checkDocumented('bad-frame', {});
  assert.throws(() => checkDocumented('member-crashed', {}), /member-crashed/);
  assert.throws(() => checkDocumented('bad-frame', { why: 'x' }), /why/);
  assert.throws(() => checkDocumented('name-in-use', { name: null }), /string/);
  assert.throws(() => checkDocumented('memory-full', { holders: 'all' }), /list of map/);
});

test('requests that name no member need none, and an unknown name has one code', () => {
  const harness = new Harness();
  const observer = harness.client();
  observer.call((w) => writeStat(w, 'nothing')).fails('unknown-object');
  observer.call((w) => writeExplain(w, 0, 'nothing')).fails('unknown-object');
  observer.call((w) => writeLease(w, 64, 64, 0xffff_ffff, 0)).grant();
  const member = harness.member('a');
  member.tag('nothing', {}).fails('unknown-object');
  member.delete('nothing').fails('unknown-object');
  member.unkeep('nothing').fails('unknown-object');
  member.promise('nothing').made.ok();
  assert.deepEqual(member.explain('nothing').value()['waits'], []);
  member.offer('own');
  member.unkeep('own').fails('wrong-state');
});
