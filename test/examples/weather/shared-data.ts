import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From dist/test/examples/weather up to the repository and beside it. */
const DATA = fileURLToPath(new URL('../../../../../shared/data/', import.meta.url));

/** An example file that is too large, or not ours, to be a part of the repository. */
export function sharedFile(name: string): string {
  return join(DATA, name);
}

/** For `skip`: why a test that needs such a file cannot run here; false when it can. */
export function whyWithout(name: string): string | false {
  if (existsSync(sharedFile(name))) return false;
  return (
    `needs ${name} in shared/data, a directory beside this clone with example data that is not ` +
    `part of the repository: there is no ${sharedFile(name)}`
  );
}
