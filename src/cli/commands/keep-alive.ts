import { keepAlive } from '../../apps/index.js';
import type { PoolView } from '../../client/pool-view.js';
import { defineCommand } from '../command.js';
import { parseTimeout } from '../duration.js';
import { EXIT, UsageError } from '../exit.js';
import { quoted } from '../format.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { print, say } from '../output.js';
import { joinPool } from '../pool/open.js';
import { Progress } from '../progress.js';
import { waitLine, whyAbsent } from '../wait-line.js';

export const command = defineCommand({
  usage: ['NAME... --until NAME'],
  about: `
    Keeps objects in the pool until another one is offered: their bytes stay, and who offered them may
    withdraw them, leave or end. They need not be there yet: which are not is said. Ends when the object of --until is
    offered, and with exit code 3 when nobody will offer it any more, or its time is over; what was
    kept is let go in any case.

    With --json each line has name, version, and held or until: true; of what never came held: false.`,
  options: {
    until: { type: 'string', value: 'NAME', help: 'the object whose offer ends it' },
    'when-nobody': {
      type: 'string',
      value: 'WHAT',
      help: 'fail (default) or wait: when nobody will offer what it waits for, as far as is promised',
    },
    member: { type: 'string', value: 'NAME', help: 'who keeps it (default: keep-alive[*])' },
    ...POOL_OPTION,
    ...TIMEOUT_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    [
      'attacca keep-alive restart/12 --until restart/13 --timeout none',
      'one restart is always there',
    ],
  ],
  async run(context, { options, words }) {
    const { until, 'when-nobody': whenNobody = 'fail', json, quiet } = options;
    if (words.length === 0) throw new UsageError('it needs the NAME of what is to be kept');
    if (until === undefined) throw new UsageError('it needs "--until NAME"');
    if (whenNobody !== 'fail' && whenNobody !== 'wait') {
      throw new UsageError(`"--when-nobody" is fail or wait, not "${whenNobody}"`);
    }
    const timeoutMs = parseTimeout(options.timeout);
    const { signal } = context;
    const { session, seat } = await joinPool(context, options);
    await using _session = session;
    await using pool = session.asMember(seat);
    const waiting = new Set([until]);
    const missing = new Set(words);
    if (!quiet && !json) await tellAbsent(session.view, words, until);
    using progress = new Progress(
      (elapsedMs) => waitLine(session.view, waiting, elapsedMs, 1),
      quiet,
      session.client.connection,
    );
    const ended = await keepAlive(pool, words, {
      ...{ until, timeoutMs, whenNobody, signal },
      onHeld: ({ name, version }) => {
        progress.clear();
        missing.delete(name);
        if (json) print(toJson({ name, version, held: true }));
        else if (!quiet) say(`attacca keep-alive: keeps ${quoted(name)} version ${version}`);
      },
    });
    for (const name of missing) {
      if (json) print(toJson({ name, held: false }));
      else if (!quiet) say(`attacca keep-alive: ${quoted(name)} never came: it was not kept`);
    }
    if (json) print(toJson({ name: ended.until.name, version: ended.until.version, until: true }));
    return EXIT.ok;
  },
});

/** A name that is mistyped is one of which nobody knows. */
async function tellAbsent(view: PoolView, names: readonly string[], until: string): Promise<void> {
  for (const name of names) {
    const why = await whyAbsent(view, name);
    if (why !== null) say(`attacca keep-alive: ${quoted(name)} is kept when it comes: ${why}`);
  }
  const why = await whyAbsent(view, until);
  if (why !== null) say(`attacca keep-alive: waits for ${quoted(until)}: ${why}`);
}
