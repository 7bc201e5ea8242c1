/** PostgreSQL through the package `postgres`: prepared statements, pipelined, COPY to load. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { loadRival } from '../rivals/installed.js';
import { POSTGRES_PORT } from '../rivals/postgres.js';
import type { Described, Question } from './objects.js';
import { Parameters, type Schema } from './postgres-schemas.js';
import type { MetadataStore, Row } from './store.js';

type Rows = readonly Readonly<Record<string, unknown>>[] & { readonly count: number };

interface Query extends PromiseLike<Rows> {
  cursor(rows: number): AsyncIterable<Rows>;
  writable(): Promise<Writable>;
}

interface Sql {
  unsafe(text: string, values?: readonly unknown[], how?: { prepare: boolean }): Query;
  end(): Promise<void>;
}

const PAGE_ROWS = 2_000;
const LOADERS = 2;
/** The commits of one connection are synced one after the other, those of many together. */
const COMMITTERS = 32;
const PIPELINE = 1_000;
const PREPARED = { prepare: true };

export class PostgresStore implements MetadataStore {
  readonly batch = { objects: 10_000, underWay: LOADERS };
  readonly #schema: Schema;
  readonly #isKept: boolean;
  /** One connection, all calls in its pipeline; or as many as share the syncs of their commits. */
  readonly #sql: Sql;
  /** To load and to make indexes; connected when it is used. */
  readonly #bulk: Sql;
  #isIndexed = false;

  private constructor(schema: Schema, isKept: boolean, connect: (connections: number) => Sql) {
    this.#schema = schema;
    this.#isKept = isKept;
    this.#sql = connect(isKept ? COMMITTERS : 1);
    this.#bulk = connect(LOADERS);
  }

  /** `to` is a directory with the socket. Tables are made by `prepare`. */
  static async open(to: string, schema: Schema, isKept: boolean): Promise<PostgresStore> {
    const postgres = loadRival('postgres') as (options: object) => Sql;
    const store = new PostgresStore(schema, isKept, (max) =>
      postgres({
        host: to,
        port: POSTGRES_PORT,
        user: 'bench',
        database: 'postgres',
        max,
        max_pipeline: PIPELINE,
        onnotice: () => {},
      }),
    );
    await store.#sql.unsafe('SELECT 1');
    return store;
  }

  /** Makes the tables: with a log, or without one where nothing is kept. */
  async prepare(): Promise<void> {
    const kind = this.#isKept ? 'TABLE' : 'UNLOGGED TABLE';
    for (const text of this.#schema.tables) {
      await this.#sql.unsafe(text.replace('TABLE_KIND', kind));
    }
  }

  async load(objects: readonly Described[]): Promise<void> {
    const into = await this.#bulk.unsafe(this.#schema.copy).writable();
    if (!into.write(objects.map((each) => this.#schema.line(each)).join(''))) {
      await once(into, 'drain');
    }
    into.end();
    await finished(into);
  }

  async settle(): Promise<void> {
    if (!this.#isIndexed) {
      this.#isIndexed = true;
      // A primary key locks the table; the others are made side by side.
      const [first = '', ...rest] = this.#schema.indexes;
      await this.#bulk.unsafe(first);
      await Promise.all(rest.map((text) => this.#bulk.unsafe(text)));
    }
    await this.#bulk.unsafe('VACUUM ANALYZE');
  }

  async tag(objects: readonly string[], key: string, value: string): Promise<void> {
    const { count } = await this.#run(this.#schema.tagMany, [objects, key, value]);
    if (count !== objects.length) throw new Error(`Cannot tag: ${count} of ${objects.length}`);
  }

  async tagEach(
    tags: readonly { readonly object: string; readonly value: string }[],
    key: string,
  ): Promise<void> {
    const tagged = await Promise.all(
      tags.map(({ object, value }) => this.#run(this.#schema.tagOne, [object, key, value])),
    );
    if (tagged.some(({ count }) => count !== 1)) throw new Error('Cannot tag: no such object');
  }

  async tagWhere(question: Question, key: string, value: string): Promise<number> {
    const parameters = new Parameters();
    const where = this.#schema.where(question, parameters);
    const text = this.#schema.tagWhere(where, parameters, key, value);
    return (await this.#run(text, parameters.values)).count;
  }

  async *query(
    question: Question,
    { attributes }: { readonly attributes: boolean },
  ): AsyncGenerator<readonly Row[]> {
    const parameters = new Parameters();
    const where = this.#schema.where(question, parameters);
    const what = attributes ? `o.object, ${this.#schema.attributes}` : 'o.object';
    const text = `SELECT ${what} FROM objects o WHERE ${where}`;
    if (!attributes) {
      yield (await this.#run(text, parameters.values)).map(nameOf);
      return;
    }
    const { attributesOf } = this.#schema;
    for await (const page of this.#query(text, parameters.values).cursor(PAGE_ROWS)) {
      yield page.map((row) => ({ ...nameOf(row), attributes: attributesOf(row) }));
    }
  }

  async queryEach(questions: readonly Question[]): Promise<readonly string[]> {
    const { exactMany, exactParameters } = this.#schema;
    const rows = await this.#run(exactMany, exactParameters(questions));
    return rows.map((row) => nameOf(row).object);
  }

  async count(question: Question): Promise<number> {
    const parameters = new Parameters();
    const where = this.#schema.where(question, parameters);
    const text = `SELECT count(*)::int AS found FROM objects o WHERE ${where}`;
    const [row] = await this.#run(text, parameters.values);
    return Number(row?.['found']);
  }

  async close(): Promise<void> {
    await Promise.all([this.#sql.end(), this.#bulk.end()]);
  }

  #query(text: string, values: readonly unknown[]): Query {
    return this.#sql.unsafe(text, values, PREPARED);
  }

  async #run(text: string, values: readonly unknown[]): Promise<Rows> {
    return await this.#query(text, values);
  }
}

function nameOf(row: Readonly<Record<string, unknown>>): Row {
  return { object: String(row['object']), attributes: null };
}
