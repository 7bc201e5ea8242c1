/**
 * The manager is killed while members append rows and others follow them, and so are those who
 * append. What was acknowledged is there, once, where it was said to be. Some seconds;
 * ATTACCA_CRASH_MINUTES=10 for ten minutes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttaccaError, connect } from '../../src/client/index.js';
import { type Answer, LONG, PartCrew, SEED, type Worker } from './part-crew.js';

const WRITERS = 3;
const FOLLOWERS = 2;
/** Of the manager, while one array grows. */
const KILLS_MAX = 2;
/** A follower takes so many rows at a time. */
const ROWS = 5;
const ROUNDS_MIN = 2;

/** One array: some append to it, others follow, the manager is killed some times. */
class Growth {
  readonly #crew: PartCrew;
  readonly #writers: readonly Worker[];
  readonly #object: number;
  /** What stands in each row, as it was acknowledged. */
  readonly rows: number[] = [];
  kills = 0;

  constructor(crew: PartCrew, writers: readonly Worker[]) {
    this.#crew = crew;
    this.#writers = writers;
    this.#object = crew.rounds;
  }

  /** Each writer appends some blocks, one after the other. */
  async append(): Promise<void> {
    let number = 0;
    const appending = this.#writers.map(async (worker) => {
      const blocks = 3 + this.#crew.below(20);
      for (let block = 0; block < blocks; block++) {
        const count = 1 + this.#crew.below(4);
        const rows = Array.from({ length: count }, () => ++number);
        const { first, code } = await worker.ask('append', this.#object, null, { rows });
        assert.equal(code, undefined);
        for (const [at, row] of rows.entries()) {
          const place = Number(first) + at;
          assert.equal(this.rows[place], undefined, `row ${place} was given away twice`);
          this.rows[place] = row;
        }
      }
    });
    const all = Promise.all(appending);
    let isOver = false;
    const over = all.finally(() => {
      isOver = true;
    });
    while (!isOver && this.kills < KILLS_MAX) {
      const goal = this.rows.length + this.#crew.below(12);
      while (!isOver && this.rows.length < goal) await this.#stat();
      await this.#crew.restartManager();
      this.kills++;
    }
    await over;
    assert.equal(this.rows.filter((row) => row !== undefined).length, number, 'each row is there');
  }

  async #stat(): Promise<Answer> {
    const view = await connect({ address: this.#crew.address });
    try {
      return (await view.stat(`f/${this.#object}`)) as Answer;
    } catch (error) {
      if (error instanceof AttaccaError && error.code === 'unknown-object') return {};
      throw error;
    } finally {
      await view.close();
    }
  }

  /** Waits until followers have what there is, and wait for more. */
  async caughtUp(followers: readonly Worker[]): Promise<void> {
    const goal = this.rows.length - (this.rows.length % ROWS);
    for (const worker of followers) {
      while ((await worker.ask('seen', this.#object, null))['rows'] !== goal);
    }
    while ((await this.#stat())['requires'] !== followers.length);
  }

  checked({ rows, code }: Answer, isFinished: boolean): void {
    const told = `seed ${SEED}, array ${this.#object}: ${code}`;
    const end = isFinished ? this.rows.length : this.rows.length - (this.rows.length % ROWS);
    assert.deepEqual(rows, this.rows.slice(0, end), told);
    assert.equal(code, isFinished ? undefined : 'parts-missing', told);
  }
}

test('the manager is killed while rows are appended, and so are who append', LONG, async (t) => {
  const crew = await PartCrew.make(t, { isKept: true });
  const writers = Array.from({ length: WRITERS }, (_, at) => crew.worker('writer', at));
  const followers = Array.from({ length: FOLLOWERS }, (_, at) => crew.worker('follower', at));
  const counts = { rows: 0, kills: 0, finished: 0 };
  for (; crew.mayGoOn(ROUNDS_MIN); crew.rounds++) {
    const object = crew.rounds;
    const growth = new Growth(crew, writers);
    const following = followers.map((worker) => worker.ask('follow', object, null));
    await growth.append();
    await growth.caughtUp(followers);
    const isFinished = object % 2 === 0;
    if (isFinished) {
      assert.deepEqual(await writers[0]?.ask('finish', object, null), {});
      counts.finished++;
    } else {
      await Promise.all(writers.map((worker) => worker.restart()));
    }
    for (const answer of await Promise.all(following)) growth.checked(answer, isFinished);
    if (isFinished) {
      const releasing = writers.map((worker) => worker.ask('release', object, null));
      for (const answer of await Promise.all(releasing)) assert.deepEqual(answer, {});
    }
    counts.rows += growth.rows.length;
    counts.kills += growth.kills;
  }
  t.diagnostic(`${crew.rounds} arrays: ${JSON.stringify(counts)}`);
  assert.ok(counts.kills >= ROUNDS_MIN && counts.finished > 0);
  await crew.checkEmpty();
});
