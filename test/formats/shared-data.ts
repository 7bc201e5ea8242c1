import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From dist/test/formats up to the repository and beside it. */
const DATA = fileURLToPath(new URL('../../../../shared/data/', import.meta.url));

/** The path of a real file, and why a test that needs it cannot run: false when it can. */
export function sharedData(name: string): { readonly path: string; readonly skip: string | false } {
  const path = join(DATA, name);
  return { path, skip: existsSync(path) ? false : `there is no ${path} beside this clone` };
}
