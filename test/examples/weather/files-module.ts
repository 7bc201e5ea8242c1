/** A way for the fields from outside of the example, for its tests: a file a field after all. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FieldPool } from '../../../examples/weather/exchange/exchange.js';
import { openFiles } from '../../../examples/weather/exchange/files.js';
import type { ServedExchange } from '../../../examples/weather/exchange/module.js';

const DIRECTORY = 'TEST_WEATHER_DIRECTORY';

export async function serve(): Promise<ServedExchange> {
  const directory = mkdtempSync(join(tmpdir(), 'files-module-'));
  return {
    env: { [DIRECTORY]: directory },
    pids: [process.pid],
    description: [`files in ${directory}`],
    close: async () => rmSync(directory, { recursive: true }),
  };
}

export async function open(): Promise<FieldPool> {
  const directory = process.env[DIRECTORY] ?? '';
  return openFiles({ directory, groupOf: (name) => ({ name, count: 1 }) });
}
