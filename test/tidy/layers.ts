/**
 * Which layer may import which: the drawing of docs/internals/architecture.md as a table. A layer
 * stands in its tsconfig's references exactly when it is imported.
 */
export const LAYERS: { readonly [layer: string]: readonly string[] } = {
  core: [],
  protocol: ['core'],
  catalog: ['core'],
  pool: ['core', 'protocol', 'catalog'],
  session: ['core', 'protocol'],
  journal: ['core'],
  loop: ['core', 'protocol', 'pool', 'session', 'journal'],
  sim: ['core', 'protocol', 'catalog', 'pool', 'session', 'journal', 'loop'],
  transforms: ['core'],
  levels: ['core', 'transforms'],
  formats: ['core'],
  transport: ['core'],
  client: ['core', 'protocol', 'session', 'levels', 'transport', 'transforms'],
  files: ['core', 'levels', 'formats', 'client'],
  apps: ['core', 'levels', 'client', 'files'],
  server: [
    ...['core', 'protocol', 'catalog', 'pool', 'journal', 'loop', 'levels', 'transport'],
    ...['transforms'],
  ],
  testing: ['core', 'levels', 'server'],
  cli: [
    ...['core', 'protocol', 'client', 'server', 'loop', 'levels', 'formats', 'files', 'transport'],
    ...['apps'],
  ],
  examples: ['client', 'files', 'apps', 'server'],
  bench: [
    ...['core', 'protocol', 'pool', 'journal', 'loop', 'levels', 'client', 'server', 'cli'],
    ...['examples'],
  ],
  test: [
    ...['core', 'protocol', 'catalog', 'pool', 'session', 'journal', 'loop', 'sim', 'levels'],
    ...['formats', 'transport', 'transforms', 'client', 'files', 'server', 'testing', 'cli'],
    ...['apps', 'examples'],
    ...['bench'],
  ],
};

/** Layers that see no Node, no clock and no chance. */
export const PURE: readonly string[] = [
  ...['core', 'protocol', 'catalog', 'pool', 'session', 'journal', 'loop', 'sim'],
];
