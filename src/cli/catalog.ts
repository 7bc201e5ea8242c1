import type { Command } from './command.js';

/** A line of the overview, and where the command is: loaded when it is called. */
export interface CatalogEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: Command }>;
}

interface CatalogGroup {
  readonly title: string;
  readonly entries: readonly CatalogEntry[];
}

/** All commands, in the order of the overview. */
export const CATALOG: readonly CatalogGroup[] = [
  {
    title: 'Data',
    entries: [
      {
        name: 'put',
        summary: 'offer files, or standard input, as objects that the pool keeps',
        load: () => import('./commands/put.js'),
      },
      {
        name: 'get',
        summary: 'wait for objects and write them to files or standard output',
        load: () => import('./commands/get.js'),
      },
      {
        name: 'import',
        summary: 'make objects of what NetCDF, HDF5, Zarr, GRIB and npy files hold',
        load: () => import('./commands/import.js'),
      },
      {
        name: 'export',
        summary: 'write objects into files of these formats',
        load: () => import('./commands/export.js'),
      },
      {
        name: 'wait',
        summary: 'wait until objects are there, without fetching them',
        load: () => import('./commands/wait.js'),
      },
      {
        name: 'withdraw',
        summary: 'end offers that the pool keeps; who requires them still gets them',
        load: () => import('./commands/withdraw.js'),
      },
      {
        name: 'rm',
        summary: 'delete objects',
        load: () => import('./commands/rm.js'),
      },
      {
        name: 'tag',
        summary: 'add tags to objects',
        load: () => import('./commands/tag.js'),
      },
      {
        name: 'untag',
        summary: 'remove tags of objects',
        load: () => import('./commands/untag.js'),
      },
      {
        name: 'emit',
        summary: 'tell others something: an event of a kind of your own',
        load: () => import('./commands/emit.js'),
      },
      {
        name: 'queue',
        summary: 'bound how many steps are offered, and how far ahead of their readers',
        load: () => import('./commands/queue.js'),
      },
      {
        name: 'relate',
        summary: 'say how an object relates to another one',
        load: () => import('./commands/relate.js'),
      },
    ],
  },
  {
    title: 'Programs',
    entries: [
      {
        name: 'barrier',
        summary: 'wait until so many programs have come to the same place',
        load: () => import('./commands/barrier.js'),
      },
      {
        name: 'exec',
        summary: 'run an unmodified program: objects in as files, files out as objects',
        load: () => import('./commands/exec.js'),
      },
      {
        name: 'run',
        summary: 'run a command with a pool of its own, or a list of jobs, some at a time',
        load: () => import('./commands/run.js'),
      },
    ],
  },
  {
    title: 'Conductors',
    entries: [
      {
        name: 'keep-alive',
        summary: 'keep objects in the pool until another one is offered',
        load: () => import('./commands/keep-alive.js'),
      },
      {
        name: 'when',
        summary: 'run a program for each object that comes, each once',
        load: () => import('./commands/when.js'),
      },
      {
        name: 'tracer',
        summary: 'write what happens: JSON lines, syslog, a trace for Perfetto or OpenTelemetry',
        load: () => import('./commands/tracer.js'),
      },
      {
        name: 'watch',
        summary: 'offer each file of a directory that is written, or renamed into place',
        load: () => import('./commands/watch.js'),
      },
      {
        name: 'archiver',
        summary: 'store each object that matches in a directory',
        load: () => import('./commands/archiver.js'),
      },
      {
        name: 'librarian',
        summary: 'offer what is required and not offered, out of a directory',
        load: () => import('./commands/librarian.js'),
      },
      {
        name: 'checkpoint',
        summary: 'store the steps from which a program can go on, and offer the last complete one',
        load: () => import('./commands/checkpoint.js'),
      },
      {
        name: 'step',
        summary: 'hold operations, show each, and let it go with a key',
        load: () => import('./commands/step.js'),
      },
      {
        name: 'top',
        summary: 'live rates, members, waits and slow subscribers in the terminal',
        load: () => import('./commands/top.js'),
      },
    ],
  },
  {
    title: 'Looking',
    entries: [
      { name: 'ls', summary: 'list objects', load: () => import('./commands/ls.js') },
      {
        name: 'query',
        summary: 'find objects by their attributes and tags',
        load: () => import('./commands/query.js'),
      },
      {
        name: 'facets',
        summary: 'the values of an attribute, and how often each is there',
        load: () => import('./commands/facets.js'),
      },
      {
        name: 'stat',
        summary: 'what the pool knows of objects',
        load: () => import('./commands/stat.js'),
      },
      {
        name: 'members',
        summary: 'who has joined, and what each holds',
        load: () => import('./commands/members.js'),
      },
      {
        name: 'explain',
        summary: 'who waits for whom, since when, and what would end it',
        load: () => import('./commands/explain.js'),
      },
      {
        name: 'lineage',
        summary: 'what an object was made of, and what was made of it',
        load: () => import('./commands/lineage.js'),
      },
      {
        name: 'info',
        summary: 'the pool in numbers: objects, memory, limits',
        load: () => import('./commands/info.js'),
      },
      {
        name: 'events',
        summary: 'what happens in the pool, as it happens',
        load: () => import('./commands/events.js'),
      },
      {
        name: 'log',
        summary: 'what happened in a pool that is kept, operation by operation',
        load: () => import('./commands/log.js'),
      },
      {
        name: 'replay',
        summary: 'a pool that is kept, as it was at some time',
        load: () => import('./commands/replay.js'),
      },
      {
        name: 'fsck',
        summary: 'check what is kept in a directory, and put it right',
        load: () => import('./commands/fsck.js'),
      },
    ],
  },
  {
    title: 'Definitions',
    entries: [
      {
        name: 'schema',
        summary: 'schemas of attributes: check by them, add them to a pool',
        load: () => import('./commands/schema.js'),
      },
      {
        name: 'container',
        summary: 'containers: they own objects, and give them what these do not say',
        load: () => import('./commands/container.js'),
      },
      {
        name: 'collection',
        summary: 'collections: lists of objects, or selectors with a name',
        load: () => import('./commands/collection.js'),
      },
      {
        name: 'cube',
        summary: 'cubes: many objects as one labelled array, and parts of it',
        load: () => import('./commands/cube.js'),
      },
    ],
  },
  {
    title: 'Pools',
    entries: [
      {
        name: 'start',
        summary: 'start a pool in the background',
        load: () => import('./commands/start.js'),
      },
      { name: 'stop', summary: 'stop a pool', load: () => import('./commands/stop.js') },
      {
        name: 'serve',
        summary: 'serve a pool in the foreground',
        load: () => import('./commands/serve.js'),
      },
      {
        name: 'clean',
        summary: 'remove the memory that dead pools left',
        load: () => import('./commands/clean.js'),
      },
    ],
  },
  {
    title: 'Help',
    entries: [
      {
        name: 'help',
        summary: 'this overview, or the help of a command',
        load: () => import('./commands/help.js'),
      },
      {
        name: 'version',
        summary: 'the version of this program',
        load: () => import('./commands/version.js'),
      },
    ],
  },
];

export function commandNames(): string[] {
  return CATALOG.flatMap(({ entries }) => entries.map(({ name }) => name));
}

export function findCommand(name: string): CatalogEntry | null {
  for (const { entries } of CATALOG) {
    for (const entry of entries) if (entry.name === name) return entry;
  }
  return null;
}
