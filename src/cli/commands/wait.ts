import { peekVersion } from '../../client/demanding.js';
import { Handle } from '../../client/handle.js';
import { defineCommand } from '../command.js';
import { refuseCubes } from '../cube-names.js';
import { parseTimeout } from '../duration.js';
import { Failures } from '../failures.js';
import { toJson } from '../json.js';
import { forEachAtOnce, NULL_OPTION, someNames } from '../names.js';
import { COMMON_OPTIONS, POOL_OPTION, TIMEOUT_OPTION } from '../options.js';
import { print } from '../output.js';
import { joinPool } from '../pool/open.js';
import { Progress } from '../progress.js';
import { waitLine } from '../wait-line.js';

const WAITS_MAX = 65_536;

export const command = defineCommand({
  usage: ['NAME...'],
  about: `
    Returns when all the objects are offered. Nothing is fetched, and nothing is kept for us: who
    wants the bytes should get. - stands for names on standard input, one a line.`,
  options: {
    ready: { type: 'boolean', help: 'until all that they depend on is offered, too' },
    member: { type: 'string', value: 'NAME', help: 'who waits (default: wait[*])' },
    ...NULL_OPTION,
    ...POOL_OPTION,
    ...TIMEOUT_OPTION,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca wait model/ready && ./plot', 'go on when a signal is raised'],
    ['attacca wait t/850 u/850 --timeout 5m', 'for both, at most five minutes'],
    ['attacca wait --ready plot', 'until what it was made of is there, too'],
  ],
  async run(context, { options, words }) {
    const timeoutMs = parseTimeout(options.timeout);
    const names = await someNames(words, options);
    const { signal } = context;
    const { session, seat } = await joinPool(context, options);
    await using _session = session;
    await refuseCubes(session, 'wait for', names);
    const failures = new Failures(context.command, options.json);
    const waiting = new Set<string>();
    using _progress = new Progress(
      (elapsedMs) => waitLine(session.view, waiting, elapsedMs, names.length),
      options.quiet,
      session.client.connection,
    );
    await forEachAtOnce(names, WAITS_MAX, async (name) => {
      waiting.add(name);
      try {
        const how = { timeoutMs, signal, ready: options.ready };
        const found = await peekVersion(new Handle(seat, name, {}), how);
        if (options.json) {
          const { version, size, space, attributes } = found;
          print(toJson({ name, version, bytes: size, ...space, attributes }));
        }
      } catch (error) {
        if (signal.aborted) throw error;
        failures.add(error);
      } finally {
        waiting.delete(name);
      }
    });
    return failures.end();
  },
});
