import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { attacca, jsonLines, type Result } from './command.js';

const MEMORY = 'x'.repeat(100_000);

/** A place of its own for pools that are kept, and commands that see no others. */
class Home {
  readonly #directory: string;
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#environment = { XDG_RUNTIME_DIR: directory, TMPDIR: directory };
  }

  static async make(t: TestContext): Promise<Home> {
    const directory = await mkdtemp(join(tmpdir(), 'at-'));
    const home = new Home(directory);
    t.after(async () => {
      // Those that a failure has left running.
      for (const name of ['weather', 'climate']) await home.do('stop', name, '--force', '-q');
      await rm(directory, { recursive: true, force: true });
    });
    return home;
  }

  /** A path within it. */
  at(...parts: readonly string[]): string {
    return join(this.#directory, ...parts);
  }

  do(...words: readonly string[]): Promise<Result> {
    return attacca(words, { environment: this.#environment, directory: this.#directory });
  }

  /** Starts a pool that is kept in `data`; returns what it said, and its pid. */
  async start(data: string, ...words: readonly string[]): Promise<Result & { pid: number }> {
    const shm = ['--shm-dir', this.#directory, '--memory', '16m', '--json'];
    const result = await this.do('start', '--data', data, ...shm, ...words);
    return { ...result, pid: Number(jsonLines(result.out)[0]?.['pid']) };
  }

  async put(name: string, pool: string): Promise<void> {
    const result = await attacca(['put', '--name', name, '-', '--pool', pool], {
      environment: this.#environment,
      input: MEMORY,
    });
    assert.equal(result.code, 0, result.err);
  }

  async stop(name: string): Promise<void> {
    const result = await this.do('stop', name);
    assert.equal(result.code, 0, result.err);
    const said = `stopped "${name}"; what it keeps is there when its --data is served again\n`;
    assert.equal(result.err, said);
  }

  /** The directories of slabs. */
  async memory(): Promise<string[]> {
    return (await readdir(this.#directory)).filter((name) => /^attacca-\d+-/u.test(name)).sort();
  }
}

test('a pool that is kept is started again by its directory alone', async (t) => {
  const home = await Home.make(t);
  const data = home.at('runs', 'of', 'today');
  const first = await home.start(data, '--name', 'weather');
  assert.equal(first.code, 0, first.err);
  const kept = `attacca start: pool "weather" is kept in "${data}"; answers wait for the disk\n`;
  assert.equal(first.err, kept);
  assert.equal(jsonLines(first.out)[0]?.['keptIn'], data);
  for (const made of ['runs', 'runs/of', 'runs/of/today']) {
    assert.equal((await lstat(home.at(made))).mode & 0o777, 0o700, made);
  }
  await home.put('x', 'weather');
  await home.stop('weather');
  const again = await home.start(data, '--sync', 'never');
  assert.equal(again.code, 0, again.err);
  assert.match(
    again.err,
    /pool "weather" .*; answers do not wait for the disk \(--sync never\)\n$/u,
  );
  assert.equal((await home.do('ls', '--pool', 'weather')).out, 'x\n');

  const info = await home.do('info', '--pool', 'weather');
  assert.match(info.out, /^pool +weather \([0-9a-f]+\)\nage +\S+ m?s, in which it was served\n/u);
  assert.match(info.out, new RegExp(`\nserver +attacca .*, pid ${again.pid}, up \\S+ m?s\n`, 'u'));
  assert.ok(info.out.includes(`\nkept         in "${data}"; answers do not wait`), info.out);
  const [json] = jsonLines((await home.do('info', '--pool', 'weather', '--json')).out);
  const connection = json?.['connection'];
  assert.ok(typeof connection === 'object' && connection !== null);
  const { keptIn, sync, kept: isKept } = { keptIn: 0, sync: 0, kept: 0, ...connection };
  assert.deepEqual([keptIn, sync, isKept], [data, false, true]);

  const second = await home.do('serve', '--data', data, '--name', 'other', '--shm-dir', home.at());
  assert.equal(second.code, 1);
  const who = `"${data}": the pool "weather" (pid ${again.pid}) has it; to end it: attacca stop w`;
  assert.ok(second.err.includes(who), second.err);
  const copy = home.at('copy');
  await cp(data, copy, { recursive: true });
  const copied = await home.do('serve', '--data', copy);
  assert.equal(copied.code, 1);
  const whose = `its pool "weather" is being served (pid ${again.pid}) from "${data}", of which`;
  assert.ok(copied.err.includes(whose), copied.err);
  assert.doesNotMatch(copied.err, /took up/u);
  await home.stop('weather');
});

test('a directory that cannot be made, or is none, is refused', async (t) => {
  const home = await Home.make(t);
  const tries: readonly (readonly [words: readonly string[], code: number, said: RegExp])[] = [
    [['serve', '--data', '/dev/null/x/y'], 1, /Cannot make the directory "\/dev\/null\/x\/y": /u],
    [['start', '--data', ''], 2, /"--data" names no DIR \(see attacca start --help\)/u],
    [['start', '--data='], 2, /"--data" names no DIR/u],
    [['serve', '--shm-dir', ''], 2, /"--shm-dir" names no DIR/u],
    [['get', 'x', '-o', ''], 2, /"-o" names no FILE/u],
  ];
  for (const [words, code, said] of tries) {
    const result = await home.do(...words);
    assert.equal(result.code, code, result.err);
    assert.match(result.err, said);
  }
});

test('clean keeps what a journal needs and says so, and gives up what is named', async (t) => {
  const home = await Home.make(t);
  const clean = (...words: readonly string[]) => home.do('clean', '--shm-dir', home.at(), ...words);
  const places = { weather: home.at('a b'), climate: home.at('climate') };
  for (const [name, data] of Object.entries(places)) {
    const { code, err } = await home.start(data, '--name', name);
    assert.equal(code, 0, err);
    await home.put('x', name);
  }
  const living = await clean('--data', places.weather);
  assert.equal(living.code, 1);
  assert.match(
    living.err,
    /Cannot remove .*: its manager runs \(pid \d+\); stop it first \(name-/u,
  );
  await home.stop('weather');
  await home.stop('climate');

  const plain = await clean();
  assert.deepEqual([plain.code, plain.out], [0, '']);
  const { weather } = places;
  const line = `of "weather", kept in "${weather}"): its journal in "${weather}" needs it; `;
  assert.ok(plain.err.includes(`${line}--data '${weather}' or --all gives it up\n`), plain.err);
  assert.match(plain.err, /removed 0 directories, 0 B\n$/u);
  const told = jsonLines((await clean('--json')).out);
  assert.deepEqual(
    told.map(({ name, data, removed, kept }) => [name, data, removed, kept]).sort(),
    [
      ['climate', places.climate, false, true],
      ['weather', weather, false, true],
    ],
  );

  const planned = await clean('--data', `${weather}/`, '--dry-run');
  assert.match(
    planned.out,
    /^would remove \S+ \(\S+ [KM]iB of "weather", kept in ".*"; its man.*\n$/u,
  );
  assert.equal((await home.memory()).length, 2);
  const done = await clean('--data', 'a b');
  assert.match(done.out, /^removed \S+ \(.* of "weather", kept in .*\n$/u);
  assert.equal((await home.memory()).length, 1);
  assert.ok(existsSync(weather), 'the journal stays');
  assert.match((await clean('--data', weather)).err, /^removed 0 directories, 0 B\n$/u);
  assert.equal((await clean('--data', weather, '--all')).code, 2);

  const again = await home.start(weather);
  assert.equal((await home.do('ls', '--pool', 'weather')).out, '', again.err);
  await home.stop('weather');
  await rm(places.climate, { recursive: true });
  assert.match((await clean()).out, /^removed .* of "climate", kept in .*\n/u);
});
