import assert from 'node:assert/strict';
import { tracingChannel } from 'node:diagnostics_channel';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { filesOf, jsonLines, startProgram } from '../cli/command.js';
import { joinApart, ramp, servePool } from './support/pools.js';

interface Told {
  readonly call: string;
  readonly member: string;
  readonly object: string;
  readonly error?: Error & { readonly code?: string };
}

test('who subscribes to the channel is told of each call, and of how it ended', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'm');
  const told: string[] = [];
  const tell = (when: string) => (message: object) => {
    const { call, member, object, error } = message as Told;
    told.push(`${when} ${call} ${object} by ${member} ${error?.code ?? ''}`.trim());
  };
  const ignore = (): void => {};
  const subscriber = {
    ...{ start: tell('start'), asyncEnd: tell('end'), error: tell('error') },
    ...{ end: ignore, asyncStart: ignore },
  };
  const channel = tracingChannel('attacca:call');
  await pool.put('before', ramp(1));
  channel.subscribe(subscriber);
  await pool.put('x', ramp(1));
  const object = pool.object('x');
  await assert.rejects(pool.put('x', ramp(1)), { code: 'already-offered' });
  await (await object.demand()).dispose();
  channel.unsubscribe(subscriber);
  await pool.put('after', ramp(1));
  assert.deepEqual(told, [
    'start put x by m',
    'end put x by m',
    'start put x by m',
    'error put x by m already-offered',
    'end put x by m already-offered',
    'start demand x by m',
    'end demand x by m',
  ]);
  assert.equal(pool.put.name, 'put');
});

const PROGRAM = `
import { join } from '${resolve(import.meta.dirname, '../../src/client/index.js')}';
const pool = await join({ member: 'reader' });
const all = await pool.requireAll('name = "x"');
await all.next();
`;

test('what is taken of all that matches is told by its name', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'm');
  await pool.put('x', ramp(1));
  const directory = await filesOf(t);
  const how = { pool: server.address, directory, environment: { ATTACCA_TRACE: 'calls' } };
  const run = startProgram(process.execPath, ['--input-type=module', '-e', PROGRAM], how);
  assert.equal((await run.ended).code, 0);
  const [call] = jsonLines(await readFile(join(directory, 'calls'), 'utf8'));
  assert.deepEqual([call?.['call'], call?.['member'], call?.['object']], ['next', 'reader', 'x']);
});
