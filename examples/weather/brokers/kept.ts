/** What the programs beside leave: a store of all fields, and a trace; and how it is looked at. */
import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { badUsage } from '../settings.js';
import { COMMANDS } from './beside.js';

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

export function keptIn(out: string) {
  return { store: join(resolve(out), 'stored'), trace: join(resolve(out), 'trace.json') };
}

/**
 * Takes away the store of the run before: what it kept of fields of the same names is of no use.
 *
 * @throws WeatherError `bad-usage` when there is something else
 */
export function removeStore(out: string): void {
  const { store } = keptIn(out);
  if (!existsSync(store)) return;
  if (!existsSync(join(store, 'attacca-store.json'))) {
    throw badUsage(`Cannot take "--out ${out}": its directory "stored" is no store`);
  }
  rmSync(store, { recursive: true });
}

/** What the commands say of a store: how many fields are in it, and what is wrong with it. */
export async function lookInto(store: string) {
  const attacca = async (...args: readonly string[]): Promise<string> => {
    const options = { maxBuffer: OUTPUT_BYTES_MAX };
    const { stdout } = await promisify(execFile)(join(COMMANDS, 'attacca'), args, options);
    return stdout.trim();
  };
  const names = (await attacca('ls', '--store', store)).split('\n');
  const damage = await attacca('fsck', store, '-q').catch(({ stdout, message }) => {
    return String(stdout || message).trim();
  });
  return { listed: names.filter((name) => name !== '').length, damage };
}
