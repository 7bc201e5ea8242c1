import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { quoted } from '../../src/core/selector/printer.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf } from './command.js';

/** A colour, a bell, a title, an end of line, a turned direction, and a control of eight bits. */
const EVIL = 'a\u001b[31mb\u0007c\u001b]0;t\u0007d\r\ne\u202ef\u009bg';
/** The same of what a member may be called. */
const MEMBER = 'm\u001bc\u0007\rd\u202ee\u009b';
/** All that a terminal obeys, but for ends of lines. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/u;

test('no name, member, key, value or kind is obeyed by a terminal, in whatever is printed', async (t) => {
  await using pool = await testPool();
  const around = { pool: pool.address, directory: await filesOf(t) };
  await using member = await join({ address: pool.address, member: MEMBER });
  await using events = await member.subscribe({
    ...{ name: `s${EVIL}`, kinds: ['offer', `k${EVIL}`] },
    select: `name = ${quoted(EVIL)}`,
  });
  const space = { dtype: 'uint8', shape: [1] } as const;
  const attributes = { [`k${EVIL}`]: EVIL, list: [EVIL] };
  await using kept = member.object(EVIL, { attributes, space });
  kept.array.fill(1);
  await kept.offer();
  await member.put(`p${EVIL}`, new Uint8Array(1), { attributes });
  await member.emit(`k${EVIL}`, attributes);
  const waiting = member.object(`w${EVIL}`).demand();
  waiting.catch(() => {});
  for (const line of [
    ['archiver', 'true', '--to', 'store', '--count', '2'],
    ['ls', '-l', '-A'],
    ['ls', '--store', 'store', '-l', '-A'],
    ['ls', '--store', 'store', '--json'],
    ['events', '--from', 'start', '--for', '0s'],
    ['events', '--from', 'start', '--for', '0s', '--json'],
    ['events', '--list'],
    ['members'],
    ['explain'],
    ['explain', `w${EVIL}`],
    ['stat', EVIL],
    ['info'],
    ['query', 'has list', '--json'],
    ['facets', 'list'],
    ['top', '--once'],
    ['log', '-n', '3'],
  ]) {
    const { out, err } = await attacca(line, around);
    const shown = JSON.stringify(OBEYED.exec(out + err));
    assert.doesNotMatch(out + err, OBEYED, `${line.join(' ')}: ${shown}`);
  }
  // The archiver has found it again by its name, whatever is in that.
  assert.equal(await member.count(`name = ${quoted(EVIL)} and has archive.path`), 1);
  await events.close();
});

test('a message of syslog is a line, whatever is in it', async () => {
  await using pool = await testPool();
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const got: string[] = [];
  socket.on('message', (bytes: Buffer) => got.push(bytes.toString()));
  await using member = await join({ address: pool.address, member: MEMBER });
  await member.put(`${EVIL}"]\\`, new Uint8Array(1));
  await member.emit('steer', { why: EVIL });
  const to = `udp://127.0.0.1:${socket.address().port}`;
  const line = ['tracer', '--from', 'start', '--for', '0s', '-f', 'syslog', '-o', to, '-q'];
  assert.equal((await attacca(line, { pool: pool.address })).code, 0);
  while (!got.some((text) => text.includes('steer'))) await once(socket, 'message');
  socket.close();
  for (const text of got) assert.doesNotMatch(text.replace(/\ufeff/u, ''), /[\p{Cc}\p{Cf}]/u);
  const offer = got.find((text) => text.includes('offer')) ?? '';
  assert.ok(offer.includes(' name="a\\\\u001b[31mb\\\\u0007c'), offer);
  assert.ok(offer.includes('\\"\\]\\\\"'), offer);
});
