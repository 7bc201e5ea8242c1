/**
 * What a program under test does, in a process of its own: its first argument names it. It speaks
 * by lines on standard output and listens for lines on standard input.
 */
import { createInterface } from 'node:readline';
import { join } from '../../../src/client/index.js';

const [role = '', address = '', ...rest] = process.argv.slice(2);
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const listen = async (): Promise<string> => String((await lines.next()).value);

const programs: { readonly [role: string]: () => Promise<void> } = {
  /** Demands a large object and sums it while nobody copies it. */
  async sum() {
    await using pool = await join({ address, member: 'sum' });
    await using view = await pool.object('x', { space: { dtype: 'float64' } }).demand();
    const { rss } = process.memoryUsage();
    const total = view.array.reduce((sum, value) => sum + value, 0);
    const isView = view.array.subarray(0).byteLength === view.size;
    const { external } = process.memoryUsage();
    say(`sum ${total} ${isView} ${pool.transport} ${rss > 0 && external > 0}`);
    process.stdin.destroy();
  },
  /** Subscribes so many times, and says when it has been told so much by each. */
  async watcher() {
    const [subscriptions = '', count = ''] = rest;
    const pool = await join({ address, member: 'watcher' });
    const asked = { kinds: 'tick', window: 4_096 } as const;
    const all = await Promise.all(
      Array.from({ length: Number(subscriptions) }, () => pool.subscribe(asked)),
    );
    say('subscribed');
    const told = all.map(async (events) => {
      let next = 0;
      for await (const { attributes } of events) {
        if (attributes['index'] !== next) say(`lost ${next}`);
        if (++next === Number(count)) return;
      }
    });
    await Promise.all(told);
    say('told all');
    await pool.leave();
    process.stdin.destroy();
  },
  /** Demands, and stays until it is killed. */
  async hold() {
    const pool = await join({ address, member: 'hold' });
    const view = await pool.object('x').demand();
    say(`holding ${view.size}`);
    await listen();
    await view.dispose();
    await pool.leave();
    process.stdin.destroy();
  },
  /** Shares the work on all fields; stays at the one that it is told the name of. */
  async worker() {
    const [name = '', stays = ''] = rest;
    const pool = await join({ address, member: name });
    const asked = { group: 'work', ahead: 2, until: 'complete' } as const;
    const fields = await pool.requireAll('has step', asked);
    say('requires');
    for await (const field of fields) {
      const sum = (field.array as Float32Array).reduce((total, value) => total + value, 0);
      say(`took ${field.name} ${sum}`);
      if (field.name === stays) await listen();
    }
    say('complete');
    await pool.leave();
    process.stdin.destroy();
  },
  /** Offers a step after the other, and says each that the pool has let go. */
  async stepper() {
    const pool = await join({ address, member: 'stepper' });
    for (let step = 0; step < Number(rest[0]); step++) {
      const field = pool.object(`f/${step}`, {
        ...{ attributes: { step }, space: { dtype: 'float32', shape: [1_000] } },
      });
      field.array.fill(step);
      await field.offer({ keep: true });
      await field.dispose();
      say(`offered ${step}`);
    }
    await pool.leave();
    process.stdin.destroy();
  },
  /** Offers fields, and is gone before anybody can ask for them. */
  async passer() {
    process.stdin.destroy();
    const pool = await join({ address, member: 'passer' });
    const promise = await pool.promise('f/*');
    for (let step = 0; step < Number(rest[0]); step++) {
      const space = { dtype: 'float32', shape: [10_000] } as const;
      const field = pool.object(`f/${step}`, { attributes: { step }, space });
      field.array.fill(step);
      await field.offer();
      await field.withdraw();
    }
    await promise.close();
    await pool.leave();
    say('gone');
  },
  /** Takes memory and dies without offering it. */
  async writer() {
    const pool = await join({ address, member: 'writer' });
    const field = pool.object('y', { space: { dtype: 'uint8', shape: [4 << 20] } });
    await field.allocate();
    field.array.fill(1);
    say('wrote');
    await listen();
  },
  /** Forgets to leave, with nothing left to do. */
  async forgetful() {
    process.stdin.destroy();
    const pool = await join({ address, member: 'forgetful' });
    await pool.put('kept', Uint8Array.of(1, 2, 3));
    await pool.object('mine').offer();
    say('done');
  },
  /** Two joins of one process. */
  async twice() {
    process.stdin.destroy();
    const pools = await Promise.all([
      join({ address, member: 'a' }),
      join({ address, member: 'b' }),
    ]);
    say(`joined ${pools.map((pool) => pool.memberName).join(' ')}`);
    for (const pool of pools) await pool.leave();
  },
  /** Writes where it may only read. */
  async scribbler() {
    const pool = await join({ address, member: 'scribbler' });
    const view = await pool.object('x').demand();
    say('about to write');
    view.unsafeBytes()[0] = 255;
    say('written');
  },
  /** Locks the first half of an open object, and stays until it is ended. */
  async locker() {
    const pool = await join({ address, member: 'locker' });
    const object = await pool.open('x');
    await object.lock('write', [[0, 8]]);
    say('locked');
    await listen();
  },
  /** Writes rows of an open object one after the other, and says which are acknowledged. */
  async regions() {
    const [index = '0', consistency = 'posix'] = rest;
    const pool = await join({ address, member: `w[${index}]` });
    const object = await pool.open<'int32'>('x');
    const [rows = 0, width = 0] = object.space.shape;
    for (let value = 1; ; value++) {
      const row = Number(index) + 2 * (value % (rows / 2));
      await object.write([row, null], new Int32Array(width).fill(value));
      if (consistency === 'commit') await object.commit();
      say(`${row} ${value}`);
    }
  },
  /** Offers a group, which somebody holds. */
  async grouper() {
    const pool = await join({ address, member: 'grouper' });
    await pool.group('step').add('t', new Float32Array(2)).add('u', new Float32Array(2)).offer();
    say('offered');
  },
  /** Calls a barrier as often as it is told. */
  async meeter() {
    process.stdin.destroy();
    const [index = '0', members = '1', rounds = '1'] = rest;
    await using pool = await join({ address, member: `m[${index}]` });
    for (let round = 0; round < Number(rounds); round++) {
      await pool.barrier('step', { members: Number(members) });
    }
    say('met');
  },
};

await programs[role]?.();
