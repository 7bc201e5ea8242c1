import * as koffi from 'koffi';
import { EccodesFault } from './eccodes.js';
import type { GribField } from './field.js';
import { decodeField } from './field.js';
import { findEccodes } from './find-eccodes.js';

/** What the process of ecCodes is told, and what it tells. */
export interface ToEccodes {
  readonly id: number;
  readonly message: Uint8Array;
}
export type FromEccodes =
  | { readonly kind: 'found'; readonly version: string; readonly path: string }
  | { readonly kind: 'absent'; readonly tried: readonly string[] }
  | { readonly kind: 'field'; readonly id: number; readonly field: GribField }
  | { readonly kind: 'fault'; readonly id: number; readonly why: string };

/**
 * A process that decodes messages of GRIB, one after the other. ecCodes is C, and a message that is
 * damaged can end the process that reads it: this one is nobody else's.
 */
function begin(): void {
  const tell = (told: FromEccodes): void => {
    process.send?.(told);
  };
  process.on('disconnect', () => process.exit(0));
  const eccodes = findEccodes(koffi, process.env);
  if (!('version' in eccodes)) {
    tell({ kind: 'absent', tried: eccodes });
    return;
  }
  const { version, path } = eccodes;
  tell({ kind: 'found', version, path });
  process.on('message', ({ id, message }: ToEccodes) => {
    try {
      tell({ kind: 'field', id, field: decodeField(eccodes, message) });
    } catch (error) {
      if (!(error instanceof EccodesFault)) throw error;
      tell({ kind: 'fault', id, why: error.message });
    }
  });
}

begin();
