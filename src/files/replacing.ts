import type { Attributes } from '../client/options.js';
import type { Pool } from '../client/pool.js';
import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { quoted } from '../core/selector/printer.js';
import type { ValueMap } from '../core/value.js';

/** So many requests are on their way at once. */
const TOGETHER_MAX = 512;

/** Asks for many, so many at once. */
export async function together<T>(
  all: readonly T[],
  ask: (each: T) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < all.length; at += TOGETHER_MAX) {
    await Promise.all(all.slice(at, at + TOGETHER_MAX).map(ask));
  }
}

interface Named {
  readonly name: string;
  readonly attributes: Attributes;
}

/** Behind the name of what tells of a file: an object of its own, while that is imported. */
const HOLD = '/.importing';

/**
 * Holds the name of a file, so that nobody else imports it meanwhile: an object of this member,
 * which the pool takes away when the member ends in any way. `already-offered`: another import has
 * it. `all` ends with what tells of the file.
 */
export async function holdFor(
  pool: Pool,
  path: string,
  all: readonly Named[],
): Promise<AsyncDisposable | null> {
  const last = all.at(-1);
  if (last === undefined) return null;
  const name = holdName(last.name);
  const { 'file.header': _, ...attributes } = last.attributes;
  try {
    return await holdAs(pool, name, {});
  } catch (error) {
    const code = error instanceof AttaccaError ? error.code : null;
    if (code === 'already-offered') mustWait(path, last.name, error as AttaccaError);
    // A schema of the pool requires attributes of all objects: the file has them, too.
    if (code !== 'schema-mismatch') throw error;
  }
  try {
    return await holdAs(pool, name, attributes);
  } catch (error) {
    if (!(error instanceof AttaccaError) || error.code !== 'already-offered') throw error;
    return mustWait(path, last.name, error);
  }
}

async function holdAs(pool: Pool, name: string, attributes: Attributes): Promise<AsyncDisposable> {
  const object = pool.object(name, { space: { dtype: 'uint8', shape: [0] }, attributes });
  const end = (): Promise<void> => object[Symbol.asyncDispose]();
  try {
    await object.offer();
  } catch (error) {
    await end();
    throw error;
  }
  return {
    async [Symbol.asyncDispose]() {
      // Where that fails the pool is lost, and what it held for this member with it.
      await Promise.allSettled([end()]);
    },
  };
}

function mustWait(path: string, name: string, cause: AttaccaError): never {
  const { member = null, version = null } = cause.fields;
  const message = `Cannot import "${path}": "${name}" is being imported by ${member}`;
  const fields = { name, version, member, importing: true };
  throw new AttaccaError('already-offered', message, fields, { cause });
}

/** Of names that are too long for it the beginning: then more than one file is held at a time. */
function holdName(name: string): string {
  const characters = [...name].slice(0, LIMITS.nameCharactersMax - HOLD.length);
  return `${characters.join('')}${HOLD}`;
}

interface Seen {
  readonly name: string;
  /** Null: none is offered. */
  readonly version: number | null;
  readonly bytes: number;
  /** Selects that version: numbers begin anew for a name that the pool had forgotten. */
  readonly is: string;
}

/** What the pool keeps under the names of what is to be: these versions end, and no others. */
export class Former {
  readonly #pool: Pool;
  readonly #seen: readonly Seen[];
  readonly #byName: ReadonlyMap<string, Seen>;

  private constructor(pool: Pool, seen: readonly Seen[]) {
    this.#pool = pool;
    this.#seen = seen;
    this.#byName = new Map(seen.map((each) => [each.name, each]));
  }

  /** `already-offered` for what its own member offers: it is not the pool's to end. */
  static async of(pool: Pool, all: readonly Pick<Named, 'name'>[]): Promise<Former> {
    const seen: Seen[] = [];
    await together([...all.entries()], async ([at, { name }]) => {
      seen[at] = await replaceable(pool, name);
    });
    return new Former(pool, seen);
  }

  get sizes(): readonly number[] {
    return this.#seen.map(({ bytes }) => bytes);
  }

  /** Null: none was there. */
  versionOf(name: string): number | null {
    return this.#byName.get(name)?.version ?? null;
  }

  /** `already-offered` when a version has come that was not seen: of these names, or of all. */
  async mustBeSame(of: readonly Pick<Named, 'name'>[] = this.#seen): Promise<void> {
    const all = of.flatMap(({ name }) => this.#byName.get(name) ?? []);
    await together(all, async (seen) => {
      const { version, is } = await replaceable(this.#pool, seen.name);
      if (version !== null && is !== seen.is) isNew(seen.name, version);
    });
  }

  /** Ends them. What tells of the others goes before them. */
  async end(): Promise<void> {
    await this.endLast();
    await together(this.#seen.slice(0, -1), (each) => this.#endOne(each));
  }

  /** Ends what tells of the others. */
  async endLast(): Promise<void> {
    await together(this.#seen.slice(-1), (each) => this.#endOne(each));
  }

  async #endOne({ name, version, is }: Seen): Promise<void> {
    if (version !== null) await endWhere(this.#pool, name, is);
    const there = (await replaceable(this.#pool, name)).version;
    if (there !== null) isNew(name, there);
  }
}

function isNew(name: string, version: number): never {
  const why = `version ${version} was offered meanwhile`;
  refuse('already-offered', `Cannot replace "${name}": ${why}`, { name, version, member: null });
}

/** Ends what is kept under a name, if it is what is meant: the pool looks and ends in one step. */
async function endWhere(pool: Pool, name: string, what: string): Promise<void> {
  const selector = `name = ${quoted(name)} and .scope = "pool" and ${what}`;
  await pool.unkeepSelected(selector);
}

/** Ends what this member has offered; others may have offered that name since. */
export async function withdrawOwn(pool: Pool, name: string): Promise<void> {
  await endWhere(pool, name, `.provider = ${quoted(pool.memberName)}`);
}

/** What is offered under a name; what its own member offers is refused. */
async function replaceable(pool: Pool, name: string): Promise<Seen> {
  const known = (await statOf(pool, name)) ?? {};
  const { state, version, time, bytes, scope, provider = null } = known;
  const isOffered = state === 'offered' || state === 'partial';
  const isThere = isOffered && typeof version === 'number';
  if (scope !== 'member') {
    if (!isThere) return { name, version: null, bytes: 0, is: 'false' };
    return { name, version, bytes: Number(bytes), is: `.version = ${version} and .time = ${time}` };
  }
  const why = `version ${version} is offered by ${provider}, and not kept`;
  const fields = { name, version: version ?? null, member: provider };
  return refuse('already-offered', `Cannot replace "${name}": ${why}`, fields);
}

/** What is known of an object; null: the pool knows none of that name. */
async function statOf(pool: Pool, name: string): Promise<ValueMap | null> {
  try {
    return await pool.stat(name);
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'unknown-object') return null;
    throw error;
  }
}
