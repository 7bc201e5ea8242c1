/**
 * A member that makes and reads parts of arrays as it is told, a command of JSON a line, each
 * answered by its number: to be killed. Arguments: the address, its name.
 */
import { createInterface } from 'node:readline';
import { scheduler } from 'node:timers/promises';
import { AttaccaError, join, type PoolObject } from '../../src/client/index.js';
import type { AxisSet } from '../../src/core/regions/axis-set.js';
import { axesOf, placesOf, type Share, valueAt } from './shares.js';

const [address = '', member = ''] = process.argv.slice(2);
/** Nobody waits that long, unless in vain. */
const TIMEOUT_MS = 30_000;
/** A follower takes so many rows at a time. */
const ROWS = 5;
/** How long to let a manager come back. */
const AWAY_MS = 20;
const AWAY: readonly unknown[] = ['connection-lost', 'pool-unreachable', 'name-in-use'];

interface Command {
  readonly id: number;
  readonly do:
    | 'declare'
    | 'offer'
    | 'release'
    | 'require'
    | 'demand'
    | 'append'
    | 'finish'
    | 'follow'
    | 'seen';
  readonly object: number;
  readonly share: Share;
  readonly keep: boolean;
  /** Rows to be appended: numbers of them, and of who appends. */
  readonly rows: readonly number[];
}

const codeOf = (error: unknown): string =>
  error instanceof AttaccaError ? error.code : String(error);

async function joined(): ReturnType<typeof join> {
  for (;;) {
    try {
      return await join({ address, member });
    } catch (error) {
      if (!AWAY.includes(codeOf(error))) throw error;
      await scheduler.wait(AWAY_MS);
    }
  }
}

const pool = await joined();
const objects = new Map<number, PoolObject<'uint32'>>();
/** What follows under way have seen. */
const seen = new Map<number, number[]>();

function objectOf({ object, share }: Command): PoolObject<'uint32'> {
  const known = objects.get(object);
  if (known !== undefined) return known;
  const space = { dtype: 'uint32', shape: share.shape } as const;
  const made = pool.object(`f/${object}`, { space });
  objects.set(object, made);
  return made;
}

/** How many elements are not what they should be. */
function wrongIn(elements: ArrayLike<number>, { object, share }: Command): number {
  let wrong = 0;
  let at = 0;
  for (const place of placesOf(share)) {
    if (elements[at++] !== valueAt(object, place)) wrong++;
  }
  return at === elements.length ? wrong : Math.max(1, Math.abs(at - elements.length));
}

async function run(command: Command): Promise<{ readonly [key: string]: unknown }> {
  const object = objectOf(command);
  const region = (): AxisSet[] => axesOf(command.share);
  switch (command.do) {
    case 'declare':
      await object.seal();
      return {};
    case 'offer': {
      const part = object.region(region());
      let at = 0;
      const { array } = part;
      for (const place of placesOf(command.share)) array[at++] = valueAt(command.object, place);
      await part.offer({ keep: command.keep, timeoutMs: TIMEOUT_MS });
      return {};
    }
    case 'release':
      objects.delete(command.object);
      if (object.state === 'offered' && !command.keep) await object.withdraw();
      await object.dispose();
      return {};
    case 'require':
      await object.require({ region: region() });
      return {};
    case 'demand': {
      // A require that was announced has said the region.
      const said = object.state === 'required' ? {} : { region: region() };
      const got = await object.demand({ ...said, timeoutMs: TIMEOUT_MS });
      const wrong = wrongIn(got.array, command);
      await got.dispose();
      objects.delete(command.object);
      return { wrong, count: got.space.shape.reduce((product, size) => product * size, 1) };
    }
    case 'append':
      return { first: await object.append(Uint32Array.from(command.rows)) };
    case 'finish':
      await object.finish();
      return {};
    case 'follow':
      return await follow(command.object, object);
    case 'seen':
      return { rows: seen.get(command.object)?.length ?? 0 };
  }
}

/** All rows, or those up to a failure. */
async function follow(number: number, object: PoolObject<'uint32'>) {
  const rows: number[] = [];
  seen.set(number, rows);
  try {
    for await (const some of object.follow({ rows: ROWS, timeoutMs: TIMEOUT_MS })) {
      rows.push(...some.array);
      await some.dispose();
    }
    return { rows };
  } catch (error) {
    return { rows, code: codeOf(error) };
  } finally {
    seen.delete(number);
    objects.delete(number);
    await object.dispose();
  }
}

process.stdout.write('joined\n');
const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => {
  const command = JSON.parse(line) as Command;
  const answer = (what: unknown): void => {
    process.stdout.write(`${command.id} ${JSON.stringify(what)}\n`);
  };
  run(command).then(answer, (error: unknown) => answer({ code: codeOf(error) }));
});
commands.on('close', () => {
  void pool.leave().finally(() => process.exit());
});
