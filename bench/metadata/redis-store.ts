/**
 * Redis through the package `redis`, in pipelines: an object is a hash, and each value of each key
 * has a set of the objects that have it (`by:KEY:VALUE`); numbers are in sorted sets (`in:KEY`).
 */
import { loadRival } from '../rivals/installed.js';
import type { Attributes, Described, Question } from './objects.js';
import type { MetadataStore, Row } from './store.js';

interface Pipeline {
  addCommand(words: readonly string[]): unknown;
  /** Rejects when a command failed. */
  execAsPipeline(): Promise<readonly unknown[]>;
}

interface Client {
  multi(): Pipeline;
  connect(): Promise<unknown>;
  sendCommand(words: readonly string[]): Promise<unknown>;
  close(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

interface RedisPackage {
  createClient(options: object): Client;
}

/** Those that are asked for by value, and those by range. The label is in a hash of its own. */
const BY_VALUE = ['name', 'time_step', 'user', 'app', 'kind'] as const;
const BY_RANGE = ['time_step', 'energy', 'created'] as const;
/** Objects by label. */
const LABELS = 'labels';
/** So many labels are looked at in one command, before others have their turn. */
const SCAN_LABELS = 10_000;
/** So many hashes are asked for in one pipeline. */
const PAGE_ROWS = 1_000;
/** So many names go with one call of a script. */
const TAGGED_TOGETHER = 1_000;

/** The body of both scripts: tags `objects`. An old value leaves its set. */
const TAG_OBJECTS = `
local set = 'by:' .. key .. ':' .. value
for _, object in ipairs(objects) do
  local hash = 'o:' .. object
  local was = redis.call('HMGET', hash, 'name', key)
  if not was[1] then return redis.error_reply('there is no ' .. object) end
  if was[2] ~= value then
    if was[2] then redis.call('SREM', 'by:' .. key .. ':' .. was[2], object) end
    redis.call('HSET', hash, key, value)
    redis.call('SADD', set, object)
  end
end
return #objects`;
const TAG = `local key, value, objects = ARGV[1], ARGV[2], {unpack(ARGV, 3)}${TAG_OBJECTS}`;
const TAG_WHERE = `local key, value = ARGV[1], ARGV[2]
local objects = redis.call('SINTER', unpack(KEYS))${TAG_OBJECTS}`;

export class RedisStore implements MetadataStore {
  readonly batch = { objects: 1_000, underWay: 4 };
  readonly #client: Client;
  readonly #scripts: { readonly tag: string; readonly tagWhere: string };

  private constructor(client: Client, scripts: { tag: string; tagWhere: string }) {
    this.#client = client;
    this.#scripts = scripts;
  }

  static async open(socket: string): Promise<RedisStore> {
    const { createClient } = loadRival('redis') as RedisPackage;
    const client = createClient({ socket: { path: socket }, RESP: 2 });
    client.on('error', () => {});
    await client.connect();
    const load = async (text: string): Promise<string> =>
      String(await client.sendCommand(['SCRIPT', 'LOAD', text]));
    return new RedisStore(client, { tag: await load(TAG), tagWhere: await load(TAG_WHERE) });
  }

  /** A hash an object; what goes into one set goes with one command. */
  async load(objects: readonly Described[]): Promise<void> {
    const grouped = new Map<string, string[]>();
    const add = (command: string, key: string, ...words: readonly string[]): void => {
      const known = grouped.get(key);
      if (known === undefined) grouped.set(key, [command, key, ...words]);
      else known.push(...words);
    };
    const pipeline = this.#client.multi();
    for (const { object, attributes } of objects) {
      const words = ['HSET', `o:${object}`];
      for (const [key, value] of Object.entries(attributes)) words.push(key, String(value));
      pipeline.addCommand(words);
      for (const key of BY_VALUE) add('SADD', setOf(key, attributes[key]), object);
      for (const key of BY_RANGE) add('ZADD', `in:${key}`, String(attributes[key]), object);
      add('HSET', LABELS, attributes.label, object);
    }
    for (const words of grouped.values()) pipeline.addCommand(words);
    await pipeline.execAsPipeline();
  }

  async settle(): Promise<void> {}

  async tag(objects: readonly string[], key: string, value: string): Promise<void> {
    const pipeline = this.#client.multi();
    for (let at = 0; at < objects.length; at += TAGGED_TOGETHER) {
      const some = objects.slice(at, at + TAGGED_TOGETHER);
      pipeline.addCommand(['EVALSHA', this.#scripts.tag, '0', key, value, ...some]);
    }
    await pipeline.execAsPipeline();
  }

  async tagEach(
    tags: readonly { readonly object: string; readonly value: string }[],
    key: string,
  ): Promise<void> {
    const pipeline = this.#client.multi();
    for (const { object, value } of tags) {
      pipeline.addCommand(['EVALSHA', this.#scripts.tag, '0', key, value, object]);
    }
    await pipeline.execAsPipeline();
  }

  async tagWhere({ equal }: Question, key: string, value: string): Promise<number> {
    const sets = setsOf(equal ?? {});
    const words = ['EVALSHA', this.#scripts.tagWhere, String(sets.length), ...sets, key, value];
    return Number(await this.#client.sendCommand(words));
  }

  async *query(
    question: Question,
    { attributes }: { readonly attributes: boolean },
  ): AsyncGenerator<readonly Row[]> {
    const names = await this.#names(question);
    if (!attributes) {
      yield names.map((object) => ({ object, attributes: null }));
      return;
    }
    for (let at = 0; at < names.length; at += PAGE_ROWS) {
      const page = names.slice(at, at + PAGE_ROWS);
      const pipeline = this.#client.multi();
      for (const object of page) pipeline.addCommand(['HGETALL', `o:${object}`]);
      const hashes = await pipeline.execAsPipeline();
      yield page.map((object, index) => ({ object, attributes: pairsOf(textsIn(hashes[index])) }));
    }
  }

  async queryEach(questions: readonly Question[]): Promise<readonly string[]> {
    const pipeline = this.#client.multi();
    for (const { equal } of questions) pipeline.addCommand(['SINTER', ...setsOf(equal ?? {})]);
    return (await pipeline.execAsPipeline()).flatMap(textsIn);
  }

  async count({ equal }: Question): Promise<number> {
    const sets = setsOf(equal ?? {});
    const words = ['SINTERCARD', String(sets.length), ...sets];
    return Number(await this.#client.sendCommand(words));
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #names({ equal, range, infix }: Question): Promise<string[]> {
    if (range !== undefined) {
      const { key, low, high } = range;
      const words = ['ZRANGE', `in:${key}`, String(low), String(high), 'BYSCORE'];
      return textsIn(await this.#client.sendCommand(words));
    }
    if (infix !== undefined) return await this.#namesByInfix(infix.text);
    return textsIn(await this.#client.sendCommand(['SINTER', ...setsOf(equal ?? {})]));
  }

  /** There is no index for it: the labels are looked at, all of them. */
  async #namesByInfix(text: string): Promise<string[]> {
    const names = new Set<string>();
    let cursor = '0';
    do {
      const words = ['HSCAN', LABELS, cursor, 'MATCH', `*${text}*`, 'COUNT', String(SCAN_LABELS)];
      const answer = await this.#client.sendCommand(words);
      if (!Array.isArray(answer)) throw new TypeError('Cannot read what HSCAN answers');
      cursor = String(answer[0]);
      textsIn(answer[1]).forEach((name, at) => {
        if (at % 2 === 1) names.add(name);
      });
    } while (cursor !== '0');
    return [...names];
  }
}

function setOf(key: string, value: string | number): string {
  return `by:${key}:${value}`;
}

function setsOf(equal: NonNullable<Question['equal']>): string[] {
  return Object.entries(equal).map(([key, value]) => setOf(key, value));
}

function textsIn(answer: unknown): string[] {
  if (!Array.isArray(answer)) throw new TypeError('Cannot read an answer of Redis: no list');
  return answer as string[];
}

function pairsOf(fields: readonly string[]): Record<keyof Attributes, string> {
  const pairs: Record<string, string> = {};
  for (let at = 0; at + 1 < fields.length; at += 2) pairs[fields[at] ?? ''] = fields[at + 1] ?? '';
  return pairs;
}
