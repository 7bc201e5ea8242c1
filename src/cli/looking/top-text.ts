import type { PoolSample } from '../../apps/index.js';
import { counted } from '../../core/counted.js';
import { formatBytes } from '../../core/format-bytes.js';
import { formatDuration } from '../duration.js';
import {
  type Column,
  fitted,
  formatTable,
  listOf,
  mapOf,
  numberOf,
  printable,
  type Style,
  textOf,
} from '../format.js';

/** So many of each are shown where there is no end of the screen. */
const ROWS_MAX = 20;
const PLAIN = { dim: (text: string) => text };

const MEMBERS: readonly Column[] = [
  { head: 'MEMBER' },
  { head: 'OFFERS', right: true },
  { head: 'BYTES', right: true },
  { head: 'LEASED', right: true },
  { head: 'REQUIRES', right: true },
  { head: 'COMMAND' },
];
const WAITS: readonly Column[] = [
  { head: 'WAITS' },
  { head: 'FOR' },
  { head: 'SINCE', right: true },
  { head: 'BECAUSE' },
];
const SUBSCRIPTIONS: readonly Column[] = [
  { head: 'SUBSCRIBER' },
  { head: 'EVENTS/S', right: true },
  { head: 'BEHIND', right: true },
  { head: 'UNACKED', right: true },
  { head: 'HOLDS', right: true },
  { head: 'OF' },
];

/** A screen of `top`: so many columns and rows, or as many as it takes. */
export function topText(
  sample: PoolSample,
  { columns, rows, style }: { columns: number | null; rows: number | null; style: Style },
): string {
  const tables = [waitRows(sample), subscriptionRows(sample), memberRows(sample)];
  const heads = [WAITS, SUBSCRIPTIONS, MEMBERS];
  const lines = headLines(sample);
  const left = rows === null ? null : Math.max(0, rows - lines.length);
  const shares = sharesOf(
    tables.map((table) => table.length),
    left,
  );
  for (const [index, table] of tables.entries()) {
    const share = shares[index] ?? 0;
    if (share === 0) continue;
    const text = formatTable(heads[index] ?? [], table.slice(0, share), PLAIN).split('\n');
    lines.push('', ...text.slice(0, 1).map((line) => `\u0000${line}`), ...text.slice(1));
    if (table.length > share) lines.push(`... and ${table.length - share} more`);
  }
  const cut = rows === null ? lines : lines.slice(0, rows);
  return cut.map((line) => shown(line, columns, style)).join('\n');
}

/** Heads of tables begin with a NUL. They are cut before they are made dim. */
function shown(line: string, columns: number | null, { dim }: Style): string {
  const isHead = line.startsWith('\u0000');
  const text = isHead ? line.slice(1) : line;
  const short = columns === null ? text : fitted(text, columns);
  return isHead ? dim(short) : short;
}

/** How many rows each table gets: the first what it needs, up to half of what is left, ... */
function sharesOf(wanted: readonly number[], rows: number | null): number[] {
  let left = rows;
  return wanted.map((count, index) => {
    if (left === null) return Math.min(count, ROWS_MAX);
    // A blank line, the head, and a line that says how many more there are.
    const room = left - 3;
    const most = index === wanted.length - 1 ? room : Math.floor(room / 2);
    const share = Math.max(0, Math.min(count, most));
    if (share > 0) left -= share + 3;
    return share;
  });
}

function headLines({ info, rates, members }: PoolSample): string[] {
  const pool = mapOf(info['pool']);
  const counts = mapOf(info['counts']);
  const memory = mapOf(info['memory']);
  const events = mapOf(info['events']);
  const bytes = (key: string): string => formatBytes(numberOf(memory[key]));
  return [
    `${printable(textOf(pool['name']))}  up ${formatDuration(numberOf(pool['upMs']))}  ` +
      `${counted(numberOf(counts['objects']), 'object')}  ${counted(members.length, 'member')}  ` +
      counted(numberOf(counts['waits']), 'wait'),
    rates === null ? 'a second: not known yet' : rateLine(rates),
    `memory: ${bytes('offered')} offered  ${bytes('leased')} leased  ${bytes('limit')} at most` +
      (numberOf(memory['waiting']) > 0 ? `  ${numberOf(memory['waiting'])} wait for it` : ''),
    `events: ${formatBytes(numberOf(events['bytes']))} kept  ` +
      `${counted(numberOf(events['behind']), 'subscriber')} behind  ` +
      `${counted(numberOf(events['held']), 'operation')} held`,
  ];
}

function rateLine({
  operations,
  events,
  objects,
  bytes,
}: NonNullable<PoolSample['rates']>): string {
  const signed = (value: number, text: string): string => `${value < 0 ? '-' : '+'}${text}`;
  return (
    `a second: ${rateText(operations)} operations  ${rateText(events)} events  ` +
    `${signed(objects, rateText(Math.abs(objects)))} objects  ` +
    signed(bytes, formatBytes(Math.round(Math.abs(bytes))))
  );
}

/** Of what is seldom a digit more. */
function rateText(value: number): string {
  return value < 10 && value > 0 ? value.toFixed(1) : String(Math.round(value));
}

function memberRows({ members }: PoolSample): string[][] {
  const sorted = [...members].sort(
    (one, other) =>
      numberOf(other['bytesOffered']) - numberOf(one['bytesOffered']) ||
      numberOf(other['requires']) - numberOf(one['requires']),
  );
  return sorted.map((member) => [
    printable(textOf(member['name'])),
    String(numberOf(member['offers'])),
    formatBytes(numberOf(member['bytesOffered'])),
    formatBytes(numberOf(member['bytesLeased'])),
    String(numberOf(member['requires'])),
    printable(textOf(member['command'])),
  ]);
}

function waitRows({ waits }: PoolSample): string[][] {
  const sorted = [...waits].sort(
    (one, other) => numberOf(other['sinceMs']) - numberOf(one['sinceMs']),
  );
  return sorted.map((wait) => [
    printable(textOf(wait['member'])),
    printable(textOf(wait['object'])),
    formatDuration(numberOf(wait['sinceMs'])),
    printable(textOf(wait['because'])),
  ]);
}

/** Those that are furthest behind first, as the pool tells them. */
function subscriptionRows({ subscriptions }: PoolSample): string[][] {
  return subscriptions.map((one) => [
    printable(textOf(one['name']) || listOf(one['members']).map(textOf).join(' ')),
    rateText(one.rate),
    String(numberOf(one['behind'])),
    String(numberOf(one['unacknowledged'])),
    String(numberOf(one['holds'])),
    printable(`${listOf(one['kinds']).map(textOf).join(' ')} ${textOf(one['selector'])}`.trim()),
  ]);
}
