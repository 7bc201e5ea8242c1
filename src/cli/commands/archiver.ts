import {
  type Archived,
  type ArchiveFailure,
  type ArchiverOptions,
  archiver,
} from '../../apps/index.js';
import { counted } from '../../core/counted.js';
import { formatBytes } from '../../core/format-bytes.js';
import { defineCommand } from '../command.js';
import { formatDuration, parseTimeout } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { printable, quoted } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION, parseCount } from '../options.js';
import { print, say } from '../output.js';
import { joinPool } from '../pool/open.js';
import { Progress } from '../progress.js';
import { Stopping } from '../stopping.js';
import { durabilityOf } from '../store/option.js';
import { promisedText, sayNothingPromised } from '../wait-line.js';
import { checkedSelector, sayMistypedKeys, selecting } from '../where.js';

const OPTIONS = {
  to: { type: 'string', value: 'DIR', help: 'the store; it is made when it is not there' },
  from: {
    type: 'string',
    value: 'WHEN',
    help: 'snapshot (default): what is offered, and what comes; now: only what comes',
  },
  as: {
    type: 'string',
    value: 'NAME',
    help: 'by this name a later one goes on: what comes meanwhile stays required',
  },
  forget: { type: 'boolean', help: 'at its end nothing is kept under the name of --as' },
  durability: {
    type: 'string',
    value: 'WHAT',
    help: 'what an object survives before it counts as stored: fsync (default), memory',
  },
  'when-full': {
    type: 'string',
    value: 'WHAT',
    help: 'wait (default): objects stay in the pool until the disk has room; drop: they are given up',
  },
  timeout: {
    type: 'string',
    value: 'TIME',
    help: 'how long one waits for room on the disk, or none for ever (default: 10m)',
  },
  complete: { type: 'boolean', help: 'end when all that was promised has come, and is stored' },
  count: { type: 'string', short: 'n', value: 'N', help: 'end after so many objects' },
  member: { type: 'string', value: 'NAME', help: 'who stores (default: archiver[*])' },
  ...POOL_OPTION,
  ...COMMON_OPTIONS,
} as const;

export const command = defineCommand({
  usage: ['SELECTOR --to DIR'],
  about: `
    Stores each object that SELECTOR selects in the store in DIR (see attacca ls --store), with its
    attributes and tags, and prints its name. Each is required at the moment of its offer, so that who
    offers it may withdraw it at once and leave. What is stored is tagged with archive.path,
    archive.version and archive.at; what the store has already, byte for byte, is not written again.
    SELECTOR true selects everything.

    SIGTERM and Ctrl-C end it behind what is being written. What cannot be stored is told, also as an
    event archiver.failed; the others go on. With --json a line for each object: name, version, bytes,
    stored (its version in the store), there; at the end objects, bytes, known, failed, seconds.`,
  options: OPTIONS,
  examples: [
    ['attacca archiver \'param = "t"\' --to archive', 'until it is stopped'],
    ['attacca archiver true --to archive --complete', 'a whole run'],
    ['attacca archiver true --to archive --as archive', 'goes on where it stopped'],
  ],
  exits: [['1', 'failed, or objects could not be stored; the message says why']],
  ownSignals: true,
  async run(context, { options, words }) {
    const [select, extra] = words;
    if (select === undefined || extra !== undefined)
      throw new UsageError('it takes one SELECTOR (true: of everything)');
    const told = optionsOf(options);
    await checkedSelector(select);
    const { json, quiet } = options;
    using stopping = new Stopping(() => 'attacca archiver: ends what is being written');
    const { session, seat } = await joinPool({ ...context, signal: stopping.stop }, options);
    await using _session = session;
    await using pool = session.asMember(seat);
    await sayMistypedKeys(session.view, select, options);
    let stored = 0;
    using _told = sayNothingPromised(session.view, 'archiver', options);
    const line = async (): Promise<string> => {
      const told = `stored ${counted(stored, 'object')}`;
      return told + (options.complete ? await promisedText(session.view) : '');
    };
    using progress = new Progress(line, quiet || json, session.client.connection);
    const asked: ArchiverOptions = {
      ...{ ...told, select, signal: stopping.stop },
      onReady: () => {
        if (!quiet) say(`attacca archiver: stores to ${told.to}`);
      },
      onStored: (one) => {
        stored++;
        progress.clear();
        tellStored(one, json);
      },
      onFailure: (failure) => tellFailure(failure, json),
    };
    const summary = await stopping.withPool(
      session.client.connection,
      () => selecting(select, () => archiver(pool, asked)),
      () => {
        if (json) print(toJson({ objects: stored }));
        else if (!quiet) say(`attacca archiver: stored ${counted(stored, 'object')}`);
      },
    );
    progress.end();
    const { objects, bytes, known, failed, seconds } = summary;
    if (json) print(toJson({ ...summary }));
    else if (!quiet) {
      // It says little of one that has waited for most of its time.
      const rate = bytes / 1e6 / Math.max(seconds, 1e-3);
      const pace = rate < 0.1 ? '' : `, ${rate.toFixed(1)} MB/s`;
      const time = `${formatDuration(seconds * 1_000)}${pace}`;
      const had = known === 0 ? '' : `; ${known} were there`;
      const stored = `stored ${counted(objects, 'object')}, ${formatBytes(bytes)} in ${time}`;
      say(`attacca archiver: ${stored}${had}${failed === 0 ? '' : `; ${failed} failed`}`);
    }
    await stopping.leave(pool, session.client.connection);
    return failed > 0 ? EXIT.failed : EXIT.ok;
  },
});

function optionsOf(options: OptionValues<typeof OPTIONS>): ArchiverOptions {
  const { to, from, as, forget, complete, count, 'when-full': whenFull = 'wait' } = options;
  if (to === undefined) throw new UsageError('it needs "--to DIR"');
  if (from !== undefined && from !== 'now' && from !== 'snapshot') {
    throw new UsageError(`--from is snapshot or now, not "${from}"`);
  }
  if (whenFull !== 'wait' && whenFull !== 'drop') {
    throw new UsageError(`--when-full is wait or drop, not "${whenFull}"`);
  }
  if (forget && as === undefined) throw new UsageError('--forget goes with --as');
  return {
    ...{ to, from, name: as, forget, whenFull, durability: durabilityOf(options.durability) },
    until: complete ? 'complete' : undefined,
    timeoutMs: parseTimeout(options.timeout),
    count: count === undefined ? undefined : parseCount(count, '--count'),
  };
}

function tellStored({ name, version, bytes, storedAs, wasThere }: Archived, json: boolean): void {
  if (json) print(toJson({ name, version, bytes, stored: storedAs, there: wasThere }));
  else if (!wasThere) print(printable(name));
}

function tellFailure({ name, version, error, again }: ArchiveFailure, json: boolean): void {
  if (json) {
    const { code, message } = error;
    print(toJson({ name, version, failed: code, why: message, again }));
    return;
  }
  const how = again ? 'waits for room' : 'is not stored';
  // One that never came has none.
  const which = quoted(name) + (version === 0 ? '' : ` version ${version}`);
  say(`attacca archiver: ${which} ${how}: ${error.message}`);
}
