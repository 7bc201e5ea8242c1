import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { decode } from 'fast-png';
import { DemoProcess, isAlive } from '../weather/demo-process.js';

const SMALL = ['--particles', '3000', '--steps', '2'] as const;

const demos: DemoProcess[] = [];
after(() => {
  for (const demo of demos) demo.remove();
});

function start(...args: readonly string[]): DemoProcess {
  const demo = new DemoProcess('vpic', args);
  demos.push(demo);
  return demo;
}

function assertNothingLeft(demo: DemoProcess, ...kept: readonly string[]): void {
  const left = demo.leftovers(...kept).filter((path) => !/^attacca-\d+$/.test(path));
  assert.deepEqual(left, []);
}

test('three write, two read: the wave grows as in theory, and there is a picture of it', async () => {
  const demo = start(...SMALL, '--writers', '3', '--readers', '2', '--out', 'beams.png');
  const { code, output, errors } = await demo.ended;
  assert.equal(code, 0, output + errors);
  const kept = Number(/Energy kept within ([\d.]+) %/.exec(output)?.[1]);
  assert.ok(kept < 2, output);
  assert.match(output, /all 6,000 energies/);
  const picture = decode(readFileSync(join(demo.directory, 'beams.png')));
  assert.equal(picture.width, 1080);
  const colours = new Set<number>();
  for (let at = 0; at < picture.data.length; at += 3) {
    const [red = 0, green = 0, blue = 0] = picture.data.subarray(at, at + 3);
    colours.add((red << 16) | (green << 8) | blue);
  }
  assert.ok(colours.size > 100, 'there is something in it');
  assertNothingLeft(demo, 'beams.png');
});

test('as many as there are, the same particles are found', async () => {
  const found: string[] = [];
  for (const [writers, readers] of [
    ['1', '3'],
    ['4', '1'],
  ] as const) {
    const size = ['--until', '4', '--cut', '0.55', '--writers', writers, '--readers', readers];
    const demo = start(...SMALL, ...size);
    const { code, output, errors } = await demo.ended;
    assert.equal(code, 0, output + errors);
    found.push(/energies, .* and ([\d,]+) of high energy/.exec(output)?.[1] ?? 'nothing');
  }
  assert.notEqual(found[0], '0');
  assert.equal(found[0], found[1]);
});

test('what cannot be is refused in words, and nobody is started', async () => {
  for (const [args, why] of [
    [['--writers', '0'], /Cannot take "--writers 0"/],
    [['--cut', 'hot'], /Cannot take "--cut hot"/],
    [['--reader', '2'], /did you mean "--readers"/],
  ] as const) {
    const demo = start(...args);
    const { code, errors } = await demo.ended;
    assert.equal(code, 2, errors);
    assert.match(errors, why);
    assertNothingLeft(demo);
  }
});

test('a writer that dies: it is named, and all end', async () => {
  const demo = start('--writers', '2', '--steps', '400', '--particles', '20000');
  await demo.said(/time (\d)/);
  const [victim = 0] = demo.programs('vpic', 'writer.js');
  assert.ok(victim > 0, 'a writer runs');
  process.kill(victim, 'SIGKILL');
  const { code, errors } = await demo.ended;
  assert.equal(code, 1, errors);
  assert.match(errors, /writer\[\d\]/);
  assertNothingLeft(demo);
});

test('Ctrl-C ends all, and leaves nothing behind', async () => {
  const demo = start('--steps', '400', '--particles', '20000');
  await demo.said(/time (\d)/);
  const programs = [...demo.programs('writer.js'), ...demo.programs('reader.js')];
  assert.equal(programs.length, 5);
  demo.signal('SIGINT');
  const { code, errors } = await demo.ended;
  assert.equal(code, 130, errors);
  assert.deepEqual(programs.filter(isAlive), []);
  assertNothingLeft(demo);
});
