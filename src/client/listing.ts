import { LIMITS } from '../core/limits.js';
import type { Value } from '../core/value.js';
import { writeList } from '../protocol/index.js';
import { askValue, asMap } from './asking.js';
import type { Client } from './client.js';
import type { WaitOptions } from './options.js';

/** So many names a page: one answer stays well under a frame, whatever their length. */
const PAGE_NAMES = 512;
const PAGE_DETAILED = 128;

/** The objects that match a glob, page by page. A page may be empty before the last. */
export async function* listObjects(
  client: Client,
  glob: string,
  detail: boolean,
  options: WaitOptions,
): AsyncGenerator<Value, void, undefined> {
  const limit = Math.min(detail ? PAGE_DETAILED : PAGE_NAMES, LIMITS.listPageMax);
  let after = '';
  for (;;) {
    const cursor = after;
    const page = asMap(
      await askValue(
        client,
        `list "${glob}"`,
        (w) => writeList(w, { glob, after: cursor, limit, detail }),
        options,
      ),
    );
    const { objects, next } = page;
    if (Array.isArray(objects)) yield* objects;
    if (typeof next !== 'string') return;
    after = next;
  }
}
