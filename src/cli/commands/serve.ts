import { resolve } from 'node:path';
import { reportFailed, reportReady, serve, stopOnSignals } from '../../server/index.js';
import { defineCommand } from '../command.js';
import { EXIT, UsageError } from '../exit.js';
import { toJson } from '../json.js';
import { COMMON_OPTIONS } from '../options.js';
import { print, say } from '../output.js';
import { SERVE_OPTIONS, serveOptions } from '../serve-options.js';
import { shellQuote } from '../shell-quote.js';
import { keptLine } from '../sync-text.js';

export const command = defineCommand({
  usage: ['[--name NAME]'],
  about: `
    Serves a pool until it is told to stop: by attacca stop, Ctrl-C or SIGTERM, upon which members may
    finish what they do for ten seconds; a second signal ends it at once. How to reach it goes to
    standard output as one line for scripts, ATTACCA_POOL=unix:..., and in words to standard error.

    The pool opens to its user alone: its socket lies in a directory that nobody else may enter.`,
  options: {
    name: {
      type: 'string',
      short: 'n',
      value: 'NAME',
      help: 'its name, which tells its place: --pool NAME finds it',
    },
    address: {
      type: 'string',
      value: 'unix:/PATH',
      help: 'where its socket is; the directory must be private (default: as the name tells)',
    },
    ...SERVE_OPTIONS,
    ...COMMON_OPTIONS,
  },
  examples: [
    ['attacca serve --name weather', 'then, elsewhere: attacca ls --pool weather'],
    ['attacca serve --memory 4g --listen tcp://0.0.0.0:7070', 'other hosts may connect'],
    ['attacca serve --data runs/42', 'killed and started again, it goes on where it was'],
  ],
  exits: [
    ['0', 'stopped in order: by attacca stop, Ctrl-C or SIGTERM'],
    ['130', 'ended at once by a second Ctrl-C (143: by SIGTERM)'],
  ],
  ownSignals: true,
  async run(_context, { options, words }) {
    if (words.length > 0) throw new UsageError('it takes no words; a name is --name NAME');
    const log = (line: string): void => {
      if (!options.quiet) say(`attacca serve: ${line}`);
    };
    const { name, address, data } = options;
    const serving = serveOptions(options);
    let server: Awaited<ReturnType<typeof serve>>;
    try {
      server = await serve({ ...serving, name, address, log });
    } catch (error) {
      reportFailed(error);
      throw error;
    }
    stopOnSignals(server, { log });
    const { addresses, id, directory } = server;
    const keptIn = data === undefined ? null : resolve(data);
    if (options.json) {
      const ATTACCA_POOL = server.address;
      print(toJson({ ATTACCA_POOL, name: server.name, id, addresses, directory, keptIn }));
    } else print(`ATTACCA_POOL=${server.address}`);
    log(`pool "${server.name}" answers at ${addresses.join(' and ')}`);
    if (keptIn !== null) log(keptLine(server.name, keptIn, serving.sync ?? true));
    log(`to use it: export ATTACCA_POOL=${shellQuote(server.address)}`);
    reportReady(server);
    const end = await server.closed;
    if (end.kind === 'crashed') return EXIT.failed;
    log(end.kind === 'drained' ? 'stopped, after its members' : 'stopped');
    return EXIT.ok;
  },
});
