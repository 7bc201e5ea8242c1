import { bitsFor } from '../../src/transforms/kernels/bitround.js';
import type { Step } from '../../src/transforms/steps.js';
import { conversion } from '../../src/transforms/units.js';

/** How far what comes of a transform and its inverse may be from what went in. */
type Loss =
  | { readonly kind: 'none' }
  | { readonly kind: 'absolute' | 'relative'; readonly bound: number }
  | { readonly kind: 'unbounded' };

/** How far from what went in that may be which the inverse gives back. */
export function lossOf({ spec, before }: Step): Loss {
  switch (spec.kind) {
    case 'order':
    case 'transpose':
    case 'byte-order':
    case 'soa':
    case 'aos':
    case 'shuffle':
    case 'unshuffle':
    case 'compress':
    case 'decompress':
      return { kind: 'none' };
    case 'dtype':
      return spec.lossy === true ? { kind: 'unbounded' } : { kind: 'none' };
    case 'pack':
      // Half a step; computing with values of float32 rounds besides.
      if (spec.lossy === true) return { kind: 'unbounded' };
      return { kind: 'absolute', bound: Math.abs(spec.scale ?? 1) / 2 };
    case 'units':
      // Near the zero of a scale that begins elsewhere all digits are those of the offset.
      if (before.dtype === 'float16' || conversion(spec.from, spec.to, spec.density).offset !== 0) {
        return { kind: 'unbounded' };
      }
      return { kind: 'relative', bound: before.dtype === 'float64' ? 2 ** -50 : 2 ** -22 };
    case 'bitround':
      if (spec.absolute !== undefined) return { kind: 'absolute', bound: spec.absolute };
      return { kind: 'relative', bound: 2 ** -((spec.bits ?? bitsFor(spec.relative ?? 0)) + 1) };
    case 'scale':
    case 'decimate':
    case 'average':
    case 'field':
    case 'expression':
    case 'wasm':
      return { kind: 'unbounded' };
  }
}
