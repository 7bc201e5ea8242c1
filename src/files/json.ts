import type { Json } from './format.js';

export { isJsonMap } from '../levels/zarr/json.js';

/** JSON as it is, or undefined for what is none. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
