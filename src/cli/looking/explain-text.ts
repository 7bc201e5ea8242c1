import { counted } from '../../core/counted.js';
import { formatBytes } from '../../core/format-bytes.js';
import type { Value, ValueMap } from '../../core/value.js';
import { formatDuration } from '../duration.js';
import { formatValue, listOf, mapOf, numberOf, printable, quoted, textOf } from '../format.js';

const memberOf = (row: ValueMap): string => printable(textOf(row['member']));

/** By what waits: with the object behind it, and alone. */
const WAITS: { readonly [what: string]: readonly [string, string] } = {
  demand: ['waits for', 'waits'],
  require: ['requires', 'requires it'],
  open: ['waits to open', 'waits to open it'],
  lock: ['waits to lock a region of', 'waits to lock a region'],
  held: ['has an operation held on', 'has an operation held'],
};

/** `plot[0] demands "x", 12 s by now, 9 m 48 s left: ...`. */
function waitLines(row: ValueMap, withObjects: boolean): string[] {
  const name = textOf(row['object']);
  // What is emitted is about none; of a tag nobody knows which member sets it.
  const withObject = withObjects && name !== '';
  const who = textOf(row['member']) === '' ? 'a program' : memberOf(row);
  const object = withObject ? ` ${quoted(name)}` : '';
  const since = row['sinceMs'];
  const deadline = row['deadlineMs'];
  const [verb, alone] = WAITS[textOf(row['what'])] ?? WAITS['demand'] ?? [];
  const what = withObject ? `${verb}${object}` : alone;
  const waited = typeof since === 'number' ? ` for ${formatDuration(since)}` : '';
  // Who asks may give up before: the pool hears of that deadline when it is over.
  const most = row['what'] === 'held' ? 'at most ' : '';
  const left =
    typeof deadline === 'number'
      ? `, ${most}${formatDuration(deadline)} left`
      : typeof since === 'number'
        ? ', without a deadline'
        : ', and has not demanded it yet';
  return [
    `${who} ${what}${waited}${left}`,
    `  because ${printable(textOf(row['because']))}`,
    `  ends with ${printable(textOf(row['endsWith']))}`,
  ];
}

/** Who waits for what it requires is told once. */
function waitRows(answer: ValueMap): readonly ValueMap[] {
  const waits = listOf(answer['waits']).map(mapOf);
  const keyOf = (row: ValueMap): string => JSON.stringify([row['member'], row['object']]);
  const demanded = new Set(waits.filter(({ what }) => what === 'demand').map(keyOf));
  return waits.filter((row) => row['what'] !== 'require' || !demanded.has(keyOf(row)));
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

/** What EXPLAIN says of an object. */
export function objectText(answer: ValueMap, name: string): string {
  const lines: string[] = [];
  const offered = mapOf(answer['offered']);
  if (answer['offered'] === null) lines.push(`${quoted(name)} is not offered.`);
  else {
    const scope = offered['scope'] === 'pool' ? ', and the pool keeps it' : '';
    const bytes = formatBytes(numberOf(offered['bytes']));
    const version = numberOf(offered['version']);
    const by = printable(textOf(offered['by']));
    const consistency = textOf(answer['consistency']);
    const isPartial = 'missing' in answer;
    const how = consistency !== '' ? 'open' : isPartial ? 'partial' : 'offered';
    const more = consistency === '' ? '' : `, ${consistency}`;
    lines.push(`${quoted(name)} is ${how}: version ${version}, ${bytes}${more}, by ${by}${scope}.`);
    if (isPartial) lines.push(missingText(answer));
    lines.push(...unreadyLines(answer));
    lines.push(...listOf(answer['ofNoStep']).map((each) => noStepText(mapOf(each))));
  }
  const waits = waitRows(answer);
  if (waits.length === 0) lines.push('Nobody waits for it.');
  for (const row of waits) lines.push(...indent(waitLines(row, false)));
  const locks = listOf(answer['locks']).map(mapOf);
  if (locks.length > 0) lines.push('Locked, in the order in which it was asked for:');
  for (const row of locks) lines.push(`  ${lockText(row)}`);
  const promises = listOf(answer['promises']).map(mapOf);
  if (promises.length > 0) lines.push('Promised:');
  for (const row of promises) lines.push(`  ${promiseText(row)}`);
  const readers = listOf(answer['readers']).map((each) => printable(textOf(each)));
  if (readers.length > 0) lines.push(`Read by ${readers.join(', ')}.`);
  const standing = listOf(answer['standing']).map((each) => printable(textOf(each)));
  if (standing.length > 0) lines.push(`Required with all that matches, by ${standing.join(', ')}.`);
  for (const row of listOf(answer['withdrawn']).map(mapOf)) lines.push(withdrawnText(row));
  return lines.join('\n');
}

/** `Of no step of the queue "t", as "step" is 1.5, no whole number: nothing bounds it.` */
function noStepText({ queue, by, value = null }: ValueMap): string {
  const key = quoted(textOf(by));
  const text = typeof value === 'string' ? quoted(value) : formatValue(value);
  const why = value === null ? `it has no ${key}` : `${key} is ${text}, no whole number`;
  return `Of no step of the queue ${quoted(textOf(queue))}, as ${why}: nothing bounds it.`;
}

/** `It is not ready: "t" is missing: it is not offered; nobody has promised it.` */
function unreadyLines(answer: ValueMap): string[] {
  return listOf(answer['missingDependencies']).map((each) => {
    const { name = '', because = '' } = mapOf(each);
    return `It is not ready: ${quoted(textOf(name))} is missing: ${printable(textOf(because))}.`;
  });
}

/** `It has 2 parts, and lacks 1,200 elements: 100:200,:.` */
function missingText(answer: ValueMap): string {
  const parts = counted(numberOf(answer['parts']), 'part');
  const region = printable(textOf(answer['missingRegion']));
  const which = region === '' ? '' : `: ${region}`;
  const missing = counted(numberOf(answer['missing']), 'element');
  return `It has ${parts}, and lacks ${missing}${which}.`;
}

/** `model[0] writes 0:8,: for 2 s by now`. */
function lockText(row: ValueMap): string {
  const isWrite = textOf(row['mode']) === 'write';
  const verb = isWrite ? 'writes' : 'reads';
  const what = row['held'] === true ? verb : `waits to ${isWrite ? 'write' : 'read'}`;
  const since = formatDuration(numberOf(row['sinceMs']));
  return `${memberOf(row)} ${what} ${printable(textOf(row['region']))} for ${since} by now`;
}

function promiseText(row: ValueMap): string {
  const since = formatDuration(numberOf(row['sinceMs']));
  const state = textOf(row['state']);
  const now: { readonly [state: string]: string } = {
    open: 'open',
    closed: 'closed',
    grace: 'its member crashed; it is closed unless that comes back soon',
  };
  return `${memberOf(row)} promised ${quoted(textOf(row['pattern']))} ${since} ago (${now[state] ?? state})`;
}

function withdrawnText(row: ValueMap): string {
  const requires = counted(numberOf(row['requires']), 'require');
  const readers = counted(numberOf(row['readers']), 'reader');
  const bytes = formatBytes(numberOf(row['bytes']));
  const version = numberOf(row['version']);
  const standing = numberOf(row['standing']);
  const all = standing === 0 ? '' : `, and ${counted(standing, 'standing require')}`;
  return `Version ${version} (${bytes}) is withdrawn, and kept for ${requires} and ${readers}${all}.`;
}

/** What EXPLAIN says of all that waits. */
export function waitsText(answer: ValueMap): string {
  const waits = waitRows(answer);
  const memory = listOf(answer['memory']).map(mapOf);
  if (waits.length === 0 && memory.length === 0) return 'Nobody waits.';
  const lines = waits.flatMap((row) => waitLines(row, true));
  for (const row of memory) {
    const members = namesText(row['members']);
    const object = textOf(row['object']);
    const purpose = object === '' ? '' : ` for ${quoted(object)}`;
    lines.push(
      `${members} waits for ${formatBytes(numberOf(row['bytes']))} of memory${purpose}, ` +
        `${formatDuration(numberOf(row['sinceMs']))} by now`,
      `  because ${printable(textOf(row['because']))}`,
    );
  }
  const holders = listOf(answer['holders']).map(mapOf);
  if (holders.length > 0) lines.push('Most of the memory is held by:');
  for (const row of holders) {
    const bytes = formatBytes(numberOf(row['bytes']));
    const largest = textOf(row['largest']);
    const most = largest === '' ? '' : `, the largest ${quoted(largest)}`;
    lines.push(`  ${namesText(row['members'])}: ${bytes} ${printable(textOf(row['what']))}${most}`);
  }
  return lines.join('\n');
}

function namesText(value: Value | undefined): string {
  return listOf(value)
    .map((each) => printable(textOf(each)))
    .join(', ');
}

/** What EXPLAIN says of rings. */
export function ringsText(answer: ValueMap): string {
  const rings = listOf(answer['rings']);
  if (rings.length === 0) return 'Nobody waits in a ring.';
  return rings
    .map((ring, index) => {
      const steps = listOf(ring).map(mapOf);
      const first = steps[0];
      const chain = steps.map(
        (step) => `${memberOf(step)} waits for ${quoted(textOf(step['waitsFor']))} of`,
      );
      return `${index + 1}. ${chain.join(' ')} ${first === undefined ? '' : memberOf(first)}`;
    })
    .join('\n');
}
