/** How objects lie in PostgreSQL: two ways that its users know. */
import type { Attributes, Described, Question } from './objects.js';

/** Parameters are numbered in the order in which they are asked for. */
export class Parameters {
  readonly values: unknown[] = [];

  next(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

export interface Schema {
  /** `TABLE_KIND` stands for `TABLE`, or one without a log. */
  readonly tables: readonly string[];
  readonly copy: string;
  /** A line of COPY's text format. */
  line(described: Described): string;
  /** Made when the first objects are there. Each by itself. */
  readonly indexes: readonly string[];
  /** A condition on `o`. */
  where(question: Question, parameters: Parameters): string;
  readonly attributes: string;
  /** What a row's attributes are, as they came. */
  attributesOf(value: unknown): Readonly<Record<string, unknown>>;
  /** Of one object, and of many: name or names, key, value. */
  readonly tagOne: string;
  readonly tagMany: string;
  tagWhere(where: string, parameters: Parameters, key: string, value: string): string;
  readonly exactMany: string;
  /** Of `exactMany`. */
  exactParameters(questions: readonly Question[]): unknown[];
}

/** PostgreSQL's indexes by trigram; part of the Debian package of the server. */
const EXTENSION = 'CREATE EXTENSION pg_trgm';

function moment(ms: number): string {
  return new Date(ms).toISOString();
}

/** Tags have a table of their own, as their keys are not known beforehand. */
const TAGGED = `INSERT INTO tags (object, key, value)`;
const REPLACED = 'ON CONFLICT (object, key) DO UPDATE SET value = excluded.value';
const COLUMNS = new Set([
  ...['name', 'time_step', 'user', 'app', 'energy', 'created', 'label', 'kind'],
]);

export const columnsSchema: Schema = {
  tables: [
    EXTENSION,
    `CREATE TABLE_KIND objects (
       id bigint GENERATED ALWAYS AS IDENTITY, object text NOT NULL, name text NOT NULL,
       time_step int NOT NULL, "user" text NOT NULL, app text NOT NULL, energy float8 NOT NULL,
       created timestamptz NOT NULL, label text NOT NULL, kind text NOT NULL)`,
    `CREATE TABLE_KIND tags (
       object bigint NOT NULL, key text NOT NULL, value text NOT NULL, PRIMARY KEY (object, key))`,
    'CREATE INDEX ON tags (key, value, object)',
  ],
  copy: 'COPY objects (object, name, time_step, "user", app, energy, created, label, kind) FROM STDIN',
  line({ object, attributes: a }) {
    return (
      `${object}\t${a.name}\t${a.time_step}\t${a.user}\t${a.app}\t${a.energy}\t` +
      `${moment(a.created)}\t${a.label}\t${a.kind}\n`
    );
  },
  indexes: [
    'ALTER TABLE objects ADD PRIMARY KEY (id)',
    'CREATE UNIQUE INDEX ON objects (object)',
    'CREATE INDEX ON objects (name, time_step, "user", app)',
    ...['time_step', '"user"', 'app', 'energy', 'created', 'kind'].map(
      (column) => `CREATE INDEX ON objects (${column})`,
    ),
    'CREATE INDEX ON objects USING gin (label gin_trgm_ops)',
  ],
  where({ equal, range, infix }, parameters) {
    const conditions = Object.entries(equal ?? {}).map(([key, value]) => {
      if (COLUMNS.has(key)) return `o."${key}" = ${parameters.next(value)}`;
      const [tagKey, tagValue] = [parameters.next(key), parameters.next(value)];
      return `o.id IN (SELECT object FROM tags WHERE key = ${tagKey} AND value = ${tagValue})`;
    });
    if (range !== undefined) {
      const [low, high] = [parameters.next(range.low), parameters.next(range.high)];
      conditions.push(`o."${range.key}" BETWEEN ${low} AND ${high}`);
    }
    if (infix !== undefined) {
      conditions.push(`o."${infix.key}" LIKE ${parameters.next(`%${infix.text}%`)}`);
    }
    return conditions.join(' AND ');
  },
  attributes: `o.name, o.time_step, o."user", o.app, o.energy, o.created, o.label, o.kind,
    (SELECT jsonb_object_agg(t.key, t.value) FROM tags t WHERE t.object = o.id) AS tags`,
  attributesOf: (row) => row as Attributes,
  tagOne: `${TAGGED} SELECT id, $2, $3 FROM objects WHERE object = $1 ${REPLACED}`,
  tagMany: `${TAGGED} SELECT id, $2, $3
    FROM unnest($1::text[]) AS named (object) JOIN objects USING (object) ${REPLACED}`,
  tagWhere(where, parameters, key, value) {
    const what = `SELECT o.id, ${parameters.next(key)}, ${parameters.next(value)}`;
    return `${TAGGED} ${what} FROM objects o WHERE ${where} ${REPLACED}`;
  },
  exactMany: `SELECT o.object
    FROM unnest($1::text[], $2::int[], $3::text[], $4::text[])
      WITH ORDINALITY AS asked (name, time_step, "user", app, at)
    JOIN objects o USING (name, time_step, "user", app) ORDER BY asked.at`,
  exactParameters: (questions) =>
    ['name', 'time_step', 'user', 'app'].map((key) => questions.map(({ equal }) => equal?.[key])),
};

const NUMBERS = { time_step: 'bigint', energy: 'float8', created: 'bigint' } as const;
const numeric = (key: string): string => {
  const type = Object.entries(NUMBERS).find(([name]) => name === key)?.[1] ?? 'float8';
  return `((o.attributes->>'${key}')::${type})`;
};
const unaliased = (expression: string): string => expression.replaceAll('o.', '');

export const jsonbSchema: Schema = {
  tables: [
    EXTENSION,
    'CREATE TABLE_KIND objects (object text NOT NULL, attributes jsonb NOT NULL)',
  ],
  copy: 'COPY objects (object, attributes) FROM STDIN',
  line: ({ object, attributes }) => `${object}\t${JSON.stringify(attributes)}\n`,
  indexes: [
    'ALTER TABLE objects ADD PRIMARY KEY (object)',
    'CREATE INDEX ON objects USING gin (attributes jsonb_path_ops)',
    ...Object.keys(NUMBERS).map((key) => `CREATE INDEX ON objects (${unaliased(numeric(key))})`),
    `CREATE INDEX ON objects USING gin ((attributes->>'label') gin_trgm_ops)`,
  ],
  where({ equal, range, infix }, parameters) {
    const conditions: string[] = [];
    if (equal !== undefined) conditions.push(`o.attributes @> ${parameters.next(equal)}::jsonb`);
    if (range !== undefined) {
      const [low, high] = [parameters.next(range.low), parameters.next(range.high)];
      conditions.push(`${numeric(range.key)} BETWEEN ${low} AND ${high}`);
    }
    if (infix !== undefined) {
      const pattern = parameters.next(`%${infix.text}%`);
      conditions.push(`(o.attributes->>'${infix.key}') LIKE ${pattern}`);
    }
    return conditions.join(' AND ');
  },
  attributes: 'o.attributes',
  attributesOf: (row) => (row as { attributes: Attributes }).attributes,
  tagOne: `UPDATE objects SET attributes = attributes || jsonb_build_object($2::text, $3::text)
    WHERE object = $1`,
  tagMany: `UPDATE objects o SET attributes = attributes || jsonb_build_object($2::text, $3::text)
    FROM unnest($1::text[]) AS named (object) WHERE o.object = named.object`,
  tagWhere(where, parameters, key, value) {
    const tag = `jsonb_build_object(${parameters.next(key)}::text, ${parameters.next(value)}::text)`;
    return `UPDATE objects o SET attributes = attributes || ${tag} WHERE ${where}`;
  },
  exactMany: `SELECT o.object FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS asked (equal, at)
    JOIN objects o ON o.attributes @> asked.equal ORDER BY asked.at`,
  exactParameters: (questions) => [questions.map(({ equal }) => equal)],
};
