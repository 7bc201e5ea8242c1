import type { Definition } from '../../client/defining.js';
import { AttaccaError } from '../../core/errors.js';
import { parseSchema } from '../../core/schema/schema.js';
import type { Value, ValueMap } from '../../core/value.js';
import { LookingBack } from '../../loop/looking-back.js';
import { defineCommand } from '../command.js';
import { formatDuration } from '../duration.js';
import { EXIT } from '../exit.js';
import { Failures } from '../failures.js';
import { listOf, mapOf, type Style, styleFor, textOf } from '../format.js';
import { toJson } from '../json.js';
import { directoryIn, parseRecord, readKept } from '../kept.js';
import {
  collectionMap,
  collectionsTable,
  containerMap,
  containersTable,
  schemaMap,
  schemasTable,
} from '../looking/definitions-text.js';
import { objectText, waitsText } from '../looking/explain-text.js';
import { countLines, infoText, memoryWaitLines, poolLine } from '../looking/info-text.js';
import { membersTable } from '../looking/members-table.js';
import { compareNames, objectsTable } from '../looking/objects-table.js';
import { statText } from '../looking/stat-text.js';
import { NULL_OPTION, namesOf } from '../names.js';
import { COMMON_OPTIONS } from '../options.js';
import { print, stdoutIsTerminal } from '../output.js';

export const command = defineCommand({
  usage: ['DIR [NAME...]'],
  about: `
    Shows a pool that is kept in DIR as it was after record N: what attacca info, ls -l, members and
    explain would have said then, with the schemas, containers and collections that there were, or with NAMEs what stat and explain would have said of them. Times
    are as they were at that record. Nothing is changed, and the pool may be served meanwhile. attacca
    log tells the numbers of records.

    All records since a snapshot are done again, and each must end as it did. --json prints a line
    each of the kinds pool, schema, container, collection, object, member and waits; with NAMEs one a name, with record, stat and
    explain. - stands for names on standard input, one a line.`,
  options: {
    until: { type: 'string', value: 'N', help: 'the last record that is done (default: all)' },
    ...NULL_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca replay /var/lib/pool', 'what a pool held when it ended'],
    ['attacca replay /var/lib/pool --until 1234 t/850/step=6', 'who waited for it then?'],
  ],
  async run(context, { options, words }) {
    const { directory, rest } = directoryIn(words);
    const names = await namesOf(rest, options);
    const until = parseRecord(options.until, '--until') ?? Number.POSITIVE_INFINITY;
    const { loop, last } = await readKept(directory, {
      behind: until,
      until,
      use: (record, replaying) => {
        replaying.replay(record);
      },
    });
    if (until !== Number.POSITIVE_INFINITY && last < until) {
      const text = `Cannot show the pool after record ${until}: the last one is ${last}`;
      throw new AttaccaError('bad-argument', text, { until, last });
    }
    const past: Past = { pool: new LookingBack(loop.pool), record: last };
    const style = styleFor(stdoutIsTerminal(), context.environment);
    if (rest.length > 0) {
      const failures = new Failures(context.command, options.json);
      showNames(past, names, options.json ? null : style, failures);
      return failures.end();
    }
    if (options.json) printOverview(past);
    else print(overviewText(past, style));
    return EXIT.ok;
  },
});

interface Past {
  readonly pool: LookingBack;
  /** The last one that was done. */
  readonly record: number;
}

function printOverview({ pool, record }: Past): void {
  print(toJson({ kind: 'pool', record, ms: pool.now, ...mapOf(pool.info()) }));
  const { schemas, containers, collections } = definitionsOf(pool);
  for (const each of schemas) print(toJson({ kind: 'schema', ...each }));
  for (const each of containers) print(toJson({ kind: 'container', ...each }));
  for (const each of collections) print(toJson({ kind: 'collection', ...each }));
  for (const row of pool.objects()) print(toJson({ kind: 'object', ...mapOf(row) }));
  for (const row of listOf(pool.members())) print(toJson({ kind: 'member', ...mapOf(row) }));
  print(toJson({ kind: 'waits', ...mapOf(pool.waits()) }));
}

interface Defined {
  readonly schemas: readonly ValueMap[];
  readonly containers: readonly ValueMap[];
  readonly collections: readonly ValueMap[];
}

function definitionsOf(pool: LookingBack): Defined {
  const all = (kind: Parameters<LookingBack['definitions']>[0]): Definition[] =>
    listOf(pool.definitions(kind)).map((row) => {
      const { name, definition, objects } = mapOf(row);
      const count = typeof objects === 'number' ? objects : null;
      return { name: textOf(name), definition: mapOf(definition), objects: count };
    });
  return {
    schemas: all('schema').map(({ definition }) => schemaMap(parseSchema(definition))),
    containers: all('container').map(containerMap),
    collections: all('collection').map(collectionMap),
  };
}

function overviewText({ pool, record }: Past, style: Style): string {
  const info = mapOf(pool.info());
  const after = `record ${record}, ${formatDuration(pool.now)} after the pool's begin`;
  const lines = [poolLine(info), ['after', after] as const];
  const parts = [infoText([...lines, ...countLines(info), ...memoryWaitLines(info)], style.bold)];
  const { schemas, containers, collections } = definitionsOf(pool);
  const { bold } = style;
  if (schemas.length > 0) parts.push(`${bold('schemas')}\n${schemasTable(schemas, style)}`);
  if (containers.length > 0) {
    parts.push(`${bold('containers')}\n${containersTable(containers, style)}`);
  }
  if (collections.length > 0) {
    parts.push(`${bold('collections')}\n${collectionsTable(collections, style)}`);
  }
  const objects: ValueMap[] = [];
  for (const row of pool.objects()) objects.push(mapOf(row));
  objects.sort(compareNames);
  if (objects.length > 0) parts.push(objectsTable(objects, { attributes: false }, style));
  const members = listOf(pool.members()).map(mapOf);
  if (members.length > 0) parts.push(membersTable(members, style));
  parts.push(waitsText(mapOf(pool.waits())));
  return parts.join('\n\n');
}

/** Style null: as JSON. */
function showNames(
  { pool, record }: Past,
  names: readonly string[],
  style: Style | null,
  failures: Failures,
): void {
  for (const [index, name] of names.entries()) {
    try {
      const explain = mapOf(pool.explain(name));
      const stat = statOrNull(pool, name);
      if (style === null) print(toJson({ record, stat, explain }));
      else {
        const known = stat === null ? [] : [statText(mapOf(stat), style.bold)];
        print(`${index === 0 ? '' : '\n'}${[...known, objectText(explain, name)].join('\n')}`);
      }
    } catch (error) {
      failures.add(error);
    }
  }
}

/** Null for a name that is promised, and that no object has yet. */
function statOrNull(pool: LookingBack, name: string): Value {
  try {
    return pool.stat(name);
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'unknown-object') return null;
    throw error;
  }
}
