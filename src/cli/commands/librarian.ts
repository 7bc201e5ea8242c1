import {
  type LendFailure,
  type Lent,
  type LibrarianOptions,
  librarian,
  type MissedHint,
} from '../../apps/index.js';
import { counted } from '../../core/counted.js';
import { formatBytes } from '../../core/format-bytes.js';
import { defineCommand } from '../command.js';
import { parseDuration, parseTimeout } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { printable, quoted } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS, POOL_OPTION, parseCount, TIMEOUT_OPTION } from '../options.js';
import { print, say } from '../output.js';
import { joinPool } from '../pool/open.js';
import { Stopping } from '../stopping.js';

export const command = defineCommand({
  usage: ['--from DIR'],
  about: `
    Offers what somebody requires, nobody offers, and the store in DIR keeps (see attacca archiver):
    its newest version, with its attributes and tags, and archive.path and archive.version; also what
    was required before it began. Its bytes are compared with their checksums before; what is damaged
    is told, also as an event librarian.failed, and not offered. It is handed over to those who have
    required it; for who requires it later it is read again, unless --keep says how long it stays.

    An event prefetch is a hint of what will be required: names, or select with a SELECTOR over what is
    kept. SIGTERM and Ctrl-C end it. Prints the names; with --json a line for each object: name, version
    (in the store), stored (the pool it is of), bytes, prefetch, seconds; of a failure failed (its code)
    and of (offer, withdraw, close), of a hint of no use missed.`,
  options: {
    from: { type: 'string', value: 'DIR', help: 'the store' },
    keep: {
      type: 'string',
      value: 'TIME',
      help: 'how long it stays offered for others who may need it (default: 0s)',
    },
    'prefetch-keep': {
      type: 'string',
      value: 'TIME',
      help: 'the same of what was asked for by a hint (default: 1m)',
    },
    promise: {
      type: 'string',
      multiple: true,
      value: 'GLOB',
      help: 'names that it promises until it ends: who requires them waits, whoever has left',
    },
    count: { type: 'string', short: 'n', value: 'N', help: 'end after so many objects' },
    member: { type: 'string', value: 'NAME', help: 'who offers (default: librarian[*])' },
    ...POOL_OPTION,
    ...TIMEOUT_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca librarian --from archive', 'until it is stopped'],
    ["attacca emit prefetch -a select='step = 24'", 'a hint: what will be required'],
  ],
  exits: [['1', 'failed, or an object could not be read; the message says why']],
  ownSignals: true,
  async run(context, { options, words }) {
    const { from, json, quiet, keep, 'prefetch-keep': prefetchKeep } = options;
    if (words.length > 0) throw new UsageError('it takes no words: the store is "--from DIR"');
    if (from === undefined) throw new UsageError('it needs "--from DIR"');
    const keepMs = keep === undefined ? undefined : parseDuration(keep, '--keep');
    const prefetchMs =
      prefetchKeep === undefined ? undefined : parseDuration(prefetchKeep, '--prefetch-keep');
    const count = options.count === undefined ? undefined : parseCount(options.count, '--count');
    const timeoutMs = parseTimeout(options.timeout);
    using stopping = new Stopping(() => 'attacca librarian: ends when all are served');
    const { session, seat } = await joinPool({ ...context, signal: stopping.stop }, options);
    await using _session = session;
    await using pool = session.asMember(seat);
    let offered = 0;
    const asked: LibrarianOptions = {
      ...{ from, keepMs, prefetchMs, count, timeoutMs, promise: options.promise },
      signal: stopping.stop,
      onReady: () => {
        if (!quiet) say(`attacca librarian: looks into ${from}`);
      },
      onLent: (one) => {
        offered++;
        print(json ? jsonOf(one) : printable(one.name));
      },
      onFailure: (failure) => tellFailure(failure, json),
      onMissed: (hint) => tellMissed(hint, json),
    };
    const { lent, bytes, failed, missed } = await stopping.withPool(
      session.client.connection,
      () => librarian(pool, asked),
      () => {
        if (json) print(toJson({ objects: offered }));
        else if (!quiet) say(`attacca librarian: offered ${counted(offered, 'object')}`);
      },
    );
    if (json) print(toJson({ objects: lent, bytes, failed, missed }));
    else if (!quiet) {
      const what = `${counted(lent, 'object')}, ${formatBytes(bytes)}`;
      const hints = missed === 0 ? '' : `; ${counted(missed, 'hint')} of no use`;
      say(`attacca librarian: offered ${what}${failed === 0 ? '' : `; ${failed} failed`}${hints}`);
    }
    await stopping.leave(pool, session.client.connection);
    return failed > 0 ? EXIT.failed : EXIT.ok;
  },
});

function tellFailure({ name, error: { code, message }, of }: LendFailure, json: boolean): void {
  if (json) print(toJson({ name, failed: code, of, why: message }));
  else {
    const what = {
      offer: `${quoted(name)} is not offered`,
      withdraw: `${quoted(name)} stays offered`,
      close: `its promise of ${quoted(name)} stays open until it has left`,
    }[of];
    say(`attacca librarian: ${what}: ${message}`);
  }
}

function tellMissed({ name, member, why }: MissedHint, json: boolean): void {
  if (json) print(toJson({ name, missed: true, by: member, why }));
  else {
    const what = name === '' ? '' : ` at ${quoted(name)}`;
    say(`attacca librarian: a hint of ${printable(member)}${what} is of no use: ${why}`);
  }
}

function jsonOf({ name, version, pool, bytes, isPrefetch, seconds }: Lent): string {
  return toJson({ name, version, stored: pool, bytes, prefetch: isPrefetch, seconds });
}
