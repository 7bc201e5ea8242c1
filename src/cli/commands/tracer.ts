import {
  type NoCalls,
  TRACE_FORMATS,
  type TracerOptions,
  type TracerSummary,
  tracer,
} from '../../apps/index.js';
import { counted } from '../../core/counted.js';
import type { AttaccaError } from '../../core/errors.js';
import { type Context, defineCommand } from '../command.js';
import { parseDuration } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { toJson } from '../json.js';
import { noteKinds } from '../kinds.js';
import { COMMON_OPTIONS, type OptionValues, POOL_OPTION } from '../options.js';
import { print, say } from '../output.js';
import { joinPool } from '../pool/open.js';
import { errorLine } from '../report.js';
import { sayNothingPromised } from '../wait-line.js';
import { checkedSelector, sayMistypedKeys, selecting } from '../where.js';

const OPTIONS = {
  format: {
    type: 'string',
    short: 'f',
    value: 'FORMAT',
    help: 'jsonl (default), perfetto, otlp or syslog',
  },
  to: {
    type: 'string',
    short: 'o',
    value: 'WHERE',
    help: 'a file, made anew, or - (default); of otlp also http://HOST:4318, of syslog udp://HOST:514 or tcp://HOST:601',
  },
  where: {
    type: 'string',
    short: 'w',
    value: 'SELECTOR',
    help: 'only events of what is selected; .event, .member, .version, .bytes and others are keys, too',
  },
  from: {
    type: 'string',
    value: 'WHEN',
    help: 'now, start: the oldest event there is, snapshot: what is offered (default: now; of perfetto and otlp snapshot)',
  },
  complete: { type: 'boolean', help: 'end when all that was promised has come' },
  for: {
    type: 'string',
    value: 'TIME',
    help: 'end after this time: 30s, 5m, 2h; 0s: when all that was there is written',
  },
  calls: {
    type: 'string',
    multiple: true,
    value: 'FILE',
    help: 'of perfetto and jsonl: calls that programs note, which run with ATTACCA_TRACE=FILE; read at the end',
  },
  member: { type: 'string', value: 'NAME', help: 'who looks (default: tracer[*])' },
  ...POOL_OPTION,
  ...COMMON_OPTIONS,
} as const;

export const command = defineCommand({
  usage: ['[KIND...] --format FORMAT --to WHERE'],
  about: `
    Writes what happens in the pool, until it is interrupted, or with --complete until all is there that
    was promised. jsonl: a line of JSON for each event, as attacca events --json. syslog: a message of
    RFC 5424 for each. perfetto: a trace that ui.perfetto.dev opens, each member with the lives of what
    it offers, its waits, and what it has in hand. otlp: spans of OpenTelemetry, a trace for each
    version of an object, to a collector or a file.

    KIND is a kind of event (attacca events --help); without one it is all of them, and of perfetto and
    otlp those of which a trace is made. The pool keeps declare, seal, require, demand, retract, dispose
    and ready only while somebody subscribes to them: --from start has of these what came while another
    tracer, or attacca events, did. A collector finds its headers in OTEL_EXPORTER_OTLP_HEADERS,
    and its address in OTEL_EXPORTER_OTLP_ENDPOINT when --to says none.`,
  options: OPTIONS,
  examples: [
    ['attacca tracer -f perfetto -o trace.json --complete', 'a run, to be looked at'],
    ['attacca tracer -f otlp -o http://localhost:4318', 'to a collector of OpenTelemetry'],
    ['attacca tracer crash lost -f syslog -o udp://localhost:514', 'what goes wrong'],
  ],
  async run(context, { options, words }) {
    const told = optionsOf(context, options, words);
    if (options.where !== undefined) await checkedSelector(options.where);
    if (!options.quiet) noteKinds('tracer', words);
    const { signal } = context;
    const { session, seat } = await joinPool(context, options);
    await using _session = session;
    await using pool = session.asMember(seat);
    const { where = '' } = options;
    await sayMistypedKeys(session.view, options.where, options);
    using _told = sayNothingPromised(session.view, 'tracer', options);
    const summary = await selecting(where, () =>
      tracer(pool, { ...told, signal, onSkipped: tellSkipped, onAway: tellAway }),
    );
    const { events, missed, undelivered } = summary;
    if (missed > 0) {
      say(`attacca tracer: missed ${counted(missed, 'event')} that the pool kept no more`);
    }
    if (undelivered > 0) tellUndelivered(told, summary);
    if (told.to !== '-') {
      if (options.json) print(toJson({ events, missed, undelivered, to: told.to }));
      else if (!options.quiet && undelivered === 0)
        say(`attacca tracer: wrote ${counted(events, 'event')} to ${told.to}`);
    }
    signal.throwIfAborted();
    return missed > 0 || undelivered > 0 ? EXIT.failed : EXIT.ok;
  },
});

function tellAway(error: AttaccaError): void {
  say(`${errorLine('tracer', error)}; tries again`);
}

function tellUndelivered(
  { format, to }: TracerOptions,
  { events, undelivered, overflowed }: TracerSummary,
): void {
  const what = counted(undelivered, format === 'otlp' ? 'span' : 'message');
  const left = overflowed === 0 ? '' : `, of which ${overflowed} were left out as too many waited`;
  const all = `of ${counted(events, 'event')}`;
  say(`attacca tracer: could not deliver ${what} ${all} to ${to}${left}`);
}

function tellSkipped({ path, line, lines }: NoCalls): void {
  const more = lines === 1 ? '' : `, and ${counted(lines - 1, 'other')}`;
  say(`attacca tracer: left out line ${line} of ${path}, which is no call${more}`);
}

function optionsOf(
  { environment }: Context,
  options: OptionValues<typeof OPTIONS>,
  kinds: readonly string[],
): TracerOptions {
  const { format: asked = 'jsonl', from, complete, where, calls } = options;
  const format = TRACE_FORMATS.find((each) => each === asked);
  if (format === undefined) {
    throw new UsageError(`--format is ${TRACE_FORMATS.join(', ')}, not "${asked}"`);
  }
  if (from !== undefined && from !== 'now' && from !== 'start' && from !== 'snapshot') {
    throw new UsageError(`--from is now, start or snapshot, not "${from}"`);
  }
  const collector = format === 'otlp' ? environment['OTEL_EXPORTER_OTLP_ENDPOINT'] : undefined;
  const to = options.to ?? collector ?? '-';
  if ((format === 'jsonl' || format === 'perfetto') && /^[a-z]+:\/\//u.test(to)) {
    throw new UsageError(`${format} goes to a file, or to standard output (-), not to "${to}"`);
  }
  if (format === 'syslog' && !/^(?:udp|tcp):\/\/[^/:]/u.test(to)) {
    throw new UsageError('syslog needs "--to udp://HOST:PORT" or "--to tcp://HOST:PORT"');
  }
  if (format === 'otlp' && /^[^/]+:\d+(?:\/|$)/u.test(to)) {
    throw new UsageError(`a collector is http://${to}, and a file ./${to}`);
  }
  if (calls.length > 0 && format !== 'perfetto' && format !== 'jsonl') {
    throw new UsageError(`--calls goes with perfetto and jsonl, not with ${format}`);
  }
  return {
    ...{ format, to, from, calls, select: where, until: complete ? 'complete' : undefined },
    kinds: kinds.length === 0 ? undefined : kinds,
    forMs: options.for === undefined ? undefined : parseDuration(options.for, '--for'),
    headers: environment['OTEL_EXPORTER_OTLP_HEADERS'],
  };
}
