/** WebAssembly modules, as small as can be; what each instruction is stands beside it. */

const section = (id: number, ...content: readonly number[]): number[] => [
  id,
  content.length,
  ...content,
];
const text = (name: string): number[] => [name.length, ...Buffer.from(name)];
const body = (...code: readonly number[]): number[] => [code.length + 2, 0, ...code, 0x0b];

interface Parts {
  /** Of one page at first; null: no maximum. */
  readonly pagesMax?: number | null;
  readonly transform?: readonly number[];
  readonly imports?: boolean;
}

/** Where it lies and how many: (pointer << 32) | bytes. */
export const SAME = [
  ...[0x20, 0, 0xad, 0x42, 32, 0x86], // local.get 0, i64.extend_i32_u, i64.const 32, i64.shl
  ...[0x20, 1, 0xad, 0x84], // local.get 1, i64.extend_i32_u, i64.or
];
/** loop, br 0, end; i64.const 0 */
export const ENDLESS = [0x03, 0x40, 0x0c, 0, 0x0b, 0x42, 0];
/** unreachable */
export const TRAP = [0x00];
/** Adds 1 to the first byte, then as {@link SAME}. */
export const ADD_ONE = [
  ...[0x20, 0, 0x20, 0, 0x2d, 0, 0], // local.get 0, local.get 0, i32.load8_u
  ...[0x41, 1, 0x6a, 0x3a, 0, 0], // i32.const 1, i32.add, i32.store8
  ...SAME,
];
/** i64.const -1: more than there is. */
export const ASTRAY = [0x42, 0x7f];

export function moduleOf({ pagesMax = 4, transform = SAME, imports = false }: Parts): Uint8Array {
  const memory = pagesMax === null ? [0, 1] : [1, 1, pagesMax];
  const shift = imports ? 1 : 0;
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 2, 0x7f, 0x7f, 1, 0x7e),
    ...(imports ? section(2, 1, ...text('env'), ...text('f'), 0, 0) : []),
    ...section(3, 2, 0, 1),
    ...section(5, 1, ...memory),
    ...section(
      ...([7, 3, ...text('memory'), 2, 0, ...text('alloc'), 0, shift] as [number, ...number[]]),
      ...text('transform'),
      ...[0, 1 + shift],
    ),
    // alloc: i32.const 1024
    ...section(10, 2, ...body(0x41, 0x80, 0x08), ...body(...transform)),
  ]);
}
