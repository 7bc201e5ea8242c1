import type { ValueMap } from '../../core/value.js';
import { defineCommand } from '../command.js';
import { formatDuration } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { printable, quoted, type Style, styleFor } from '../format.js';
import { toJson } from '../json.js';
import {
  ageLine,
  countLines,
  type InfoLine,
  infoText,
  memoryWaitLines,
  poolLine,
} from '../looking/info-text.js';
import { COMMON_OPTIONS, POOL_OPTION } from '../options.js';
import { print, stdoutIsTerminal } from '../output.js';
import { openPool, type PoolSession } from '../pool/open.js';
import { syncText } from '../sync-text.js';

export const command = defineCommand({
  usage: [''],
  about: `
    Prints the pool in numbers: its name, age and address, its server, where it is kept, what it holds, how its memory
    is divided, and how bytes move between it and this process.`,
  options: { ...POOL_OPTION, ...COMMON_OPTIONS },
  examples: [['attacca info --json | jq .memory.free', 'for a script']],
  async run(context, { options, words }) {
    if (words.length > 0) throw new UsageError('it takes no words');
    await using session = await openPool(context, options);
    const info = await session.view.info();
    const { client, view, address } = session;
    const { software, addresses, pid, upMs, slabs, kept, keptIn, sync } = client.pool;
    const connection = {
      address,
      addresses,
      software,
      pid,
      upMs,
      slabs,
      kept,
      keptIn,
      sync,
      transport: view.transport,
      transportReason: view.transportReason,
    };
    if (options.json) print(toJson({ ...info, connection }));
    else print(describe(info, session, styleFor(stdoutIsTerminal(), context.environment).bold));
    return EXIT.ok;
  },
});

function describe(info: ValueMap, session: PoolSession, bold: Style['bold']): string {
  const { client, view, address } = session;
  const { software, pid, upMs, addresses } = client.pool;
  const lines: InfoLine[] = [
    poolLine(info),
    ageLine(info),
    ['address', address],
    ...others(address, addresses),
    ['server', `${printable(software)}, pid ${pid}, up ${formatDuration(upMs)}`],
    ['kept', keptText(client.pool)],
    ...countLines(info),
    ['bytes go', `by ${view.transport} (${view.transportReason})`],
    ...memoryWaitLines(info),
  ];
  return infoText(lines, bold);
}

/** Whether the pool outlives its server, and where. */
function keptText({ kept, keptIn, sync }: PoolSession['client']['pool']): string {
  if (!kept) return 'in memory: it ends with its server';
  const place = keptIn === '' ? 'on its host' : `in ${quoted(keptIn)}`;
  return `${place}; ${syncText(sync)}`;
}

/** Where else the pool listens. */
function others(address: string, all: readonly string[]): [string, string][] {
  return all.filter((each) => each !== address).map((each) => ['and', each]);
}
