/** Tables in Markdown of what `--json` has written, for people who did not see the run. */
import { isReply, type Reply } from './reply.js';
import { type BenchRecord, format, type MetricRecord } from './report.js';

/**
 * The records of a file: one, or a list of them.
 *
 * @throws TypeError that names the file, when it is something else.
 */
export function recordsOf(file: string, text: string): BenchRecord[] {
  const wrong = (why: string, cause?: unknown): TypeError =>
    new TypeError(`Cannot make tables of "${file}": ${why}`, { cause });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw wrong('it is no JSON', cause);
  }
  return (Array.isArray(parsed) ? parsed : [parsed]).map((record: unknown) => {
    if (isReply(record) && isRecord(record)) return record;
    throw wrong('it is not what --json writes');
  });
}

function isRecord(record: Reply): record is Reply & BenchRecord {
  const { bench, commit, machine, metrics } = record;
  const words = [bench, commit, machine];
  return words.every((word) => typeof word === 'string') && isListOf(metrics, isMetric);
}

function isListOf(value: unknown, is: (item: Reply) => boolean): boolean {
  return Array.isArray(value) && value.every((item: unknown) => isReply(item) && is(item));
}

function isMetric({ name, value, unit, better, spread, ...others }: Reply): boolean {
  const maps = [others['rivals'], others['limits'], others['ratios']];
  return (
    typeof name === 'string' &&
    typeof value === 'number' &&
    typeof unit === 'string' &&
    (better === 'higher' || better === 'lower') &&
    Array.isArray(spread) &&
    maps.every(isReply) &&
    isListOf(others['goals'], ({ goal, reached }) => {
      return typeof goal === 'string' && typeof reached === 'boolean';
    })
  );
}

/** How to read them, then a table a benchmark, with where and of what it was measured. */
export function markdownOf(records: readonly BenchRecord[]): string {
  return [HOW, ...records.map(tableOf)].join('\n');
}

const HOW =
  'Attacca: median, and in brackets the least and the greatest of the rounds; ' +
  '\u2191 more is better, \u2193 less is better. ' +
  'Below a rival: how many times as good Attacca is as it (above 1, Attacca is ahead). ' +
  'Below a limit: the quotient of Attacca by it.\n';

function tableOf({ bench, commit, machine, metrics }: BenchRecord): string {
  const rivals = namesIn(metrics, 'rivals');
  const limits = namesIn(metrics, 'limits').filter((name) => !rivals.includes(name));
  const hasGoals = metrics.some(({ goals }) => goals.length > 0);
  const heads = [
    'metric',
    'unit',
    'Attacca',
    ...rivals.map((name) => `vs ${name}`),
    ...limits.map((name) => `limit ${name}`),
    ...(hasGoals ? ['goal'] : []),
  ];
  const rows = metrics.map((metric) => [
    `\`${metric.name}\` ${metric.better === 'higher' ? '\u2191' : '\u2193'}`,
    metric.unit,
    `**${format(metric.value)}** [${metric.spread.map(format).join(', ')}]`,
    ...rivals.map((name) => besideRival(metric, name)),
    ...limits.map((name) => besideLimit(metric, name)),
    ...(hasGoals ? [goalsOf(metric)] : []),
  ]);
  // Words flush left, numbers flush right.
  const rule = heads.map((_, column) =>
    column < 2 || (hasGoals && column === heads.length - 1) ? '---' : '---:',
  );
  const lines = [heads, rule, ...rows].map((cells) => `| ${cells.map(escaped).join(' | ')} |`);
  return `### ${bench}\n\n${machine}; commit ${commit}.\n\n${lines.join('\n')}\n`;
}

/** In the order in which they come first. */
function namesIn(metrics: readonly MetricRecord[], kind: 'rivals' | 'limits'): string[] {
  return [...new Set(metrics.flatMap((metric) => Object.keys(metric[kind])))];
}

function besideRival(metric: MetricRecord, name: string): string {
  if (!(name in metric.rivals)) return besideLimit(metric, name);
  const ratio = metric.ratios[name] ?? Number.NaN;
  return `${format(metric.better === 'higher' ? ratio : 1 / ratio)}x`;
}

/** One can be a rival of one metric and a limit of another: it has one column. */
function besideLimit(metric: MetricRecord, name: string): string {
  return name in metric.limits ? `at ${format(metric.ratios[name] ?? Number.NaN)}` : '';
}

function goalsOf({ goals }: MetricRecord): string {
  return goals.map(({ goal, reached }) => `${reached ? '\u2713' : '**not**'} ${goal}`).join('<br>');
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
