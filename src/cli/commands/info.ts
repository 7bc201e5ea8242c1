import type { ValueMap } from '../../core/value.js';
import { formatBytes } from '../../levels/shm/sizing.js';
import { defineCommand } from '../command.js';
import { formatDuration } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { counted, mapOf, numberOf, printable, styleFor, textOf } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print, stdoutIsTerminal } from '../output.js';
import { openPool, type PoolSession } from '../pool/open.js';

export const command = defineCommand({
  usage: [''],
  about: `
    Prints the pool in numbers: its name and address, how long it is up, what it holds, how its memory
    is divided, and how bytes move between it and this process.`,
  options: { ...POOL_OPTION, ...COMMON_OPTIONS },
  examples: [['attacca info --json | jq .memory.free', 'for a script']],
  async run(context, { options, words }) {
    if (words.length > 0) throw new UsageError('it takes no words');
    await using session = await openPool(context, options);
    const info = await session.view.info();
    const { client, view, address } = session;
    const { software, addresses, pid, slabs } = client.pool;
    const connection = {
      address,
      addresses,
      software,
      pid,
      slabs,
      transport: view.transport,
      transportReason: view.transportReason,
    };
    if (options.json) print(toJson({ ...info, connection }));
    else print(describe(info, session, styleFor(stdoutIsTerminal(), context.environment).bold));
    return EXIT.ok;
  },
});

function describe(info: ValueMap, session: PoolSession, bold: (text: string) => string): string {
  const pool = mapOf(info['pool']);
  const counts = mapOf(info['counts']);
  const memory = mapOf(info['memory']);
  const count = (name: string, one: string): string => counted(numberOf(counts[name]), one);
  const bytes = (name: string): string => formatBytes(numberOf(memory[name]));
  const { client, view, address } = session;
  const stopping = pool['stopping'] === true ? ', stopping' : '';
  const waiting = numberOf(memory['waiting']);
  const lines: (readonly [string, string])[] = [
    ['pool', `${printable(textOf(pool['name']))} (${textOf(pool['id'])}${stopping})`],
    ['address', address],
    ...others(address, client.pool.addresses),
    ['server', `${printable(client.pool.software)}, pid ${client.pool.pid}, up ${up(pool)}`],
    ['objects', `${count('objects', 'object')}, ${count('versions', 'version')}`],
    [
      'members',
      `${count('members', 'member')} in ${count('sessions', 'session')}, ` +
        `${count('handles', 'handle')}, ${count('promises', 'promise')}`,
    ],
    [
      'waits',
      `${count('requires', 'open require')}, ${count('waits', 'wait')}, ` +
        `${count('readers', "reader's lease")}`,
    ],
    [
      'memory',
      `${bytes('total')} of at most ${bytes('limit')}: ${bytes('offered')} offered, ` +
        `${bytes('leased')} leased, ${bytes('free')} free (${bytes('reserved')} of it reserved)`,
    ],
    ['in messages', `${bytes('inline')} of at most ${bytes('inlineLimit')}`],
    ['bytes go', `by ${view.transport} (${view.transportReason})`],
  ];
  if (waiting > 0) lines.push(['', `${counted(waiting, 'request')} for memory waits: it is full`]);
  return lines.map(([label, text]) => `${bold(label.padEnd(12))} ${text}`).join('\n');
}

function up(pool: ValueMap): string {
  return formatDuration(numberOf(pool['upMs']));
}

/** Where else the pool listens. */
function others(address: string, all: readonly string[]): [string, string][] {
  return all.filter((each) => each !== address).map((each) => ['and', each]);
}
