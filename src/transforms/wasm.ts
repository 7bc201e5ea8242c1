import { LIMITS } from '../core/limits.js';
import { refuseTransform, transformFailed } from './failure.js';
import type { SpecOf } from './spec.js';

/** What is used of WebAssembly: the types of it come with those of browsers only. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
type WasmFunction = (...values: readonly number[]) => unknown;
interface WasmModules {
  readonly Module: {
    new (bytes: Uint8Array): object;
    imports(module: object): readonly { readonly module: string; readonly name: string }[];
    exports(module: object): readonly { readonly name: string; readonly kind: string }[];
  };
  readonly Instance: new (
    module: object,
  ) => { readonly exports: { readonly [name: string]: unknown } };
}
const { WebAssembly: Wasm } = globalThis as unknown as { readonly WebAssembly: WasmModules };

const PAGE_BYTES = 65_536;
/** Of timers of JavaScript. */
const TIMER_MS_MAX = 2 ** 31 - 1;
const MEMORY_SECTION = 5;

/**
 * The rules of a module: it compiles, imports nothing, and exports `memory` (of one memory with a
 * maximum), `alloc` and the function. `bad-transform` otherwise.
 */
export function checkWasm(spec: SpecOf<'wasm'>): object {
  const { module: bytes, timeoutMs } = spec;
  const refuse = (why: string): never => refuseTransform('wasm', why);
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= TIMER_MS_MAX)) {
    refuse(`it may run for some milliseconds, up to ${TIMER_MS_MAX}, not ${timeoutMs}`);
  }
  if (bytes.length > LIMITS.wasmModuleBytesMax) {
    refuse(`the module has ${bytes.length} bytes, more than ${LIMITS.wasmModuleBytesMax}`);
  }
  let module: object;
  try {
    module = new Wasm.Module(bytes);
  } catch (cause) {
    return refuse(`the module is none: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const [wanted] = Wasm.Module.imports(module);
  if (wanted !== undefined) refuse(`it imports "${wanted.module}.${wanted.name}": it gets nothing`);
  const exported = Wasm.Module.exports(module);
  for (const [name, kind] of [
    ['memory', 'memory'],
    ['alloc', 'function'],
    [spec.function ?? 'transform', 'function'],
  ] as const) {
    const isThere = exported.some((each) => each.name === name && each.kind === kind);
    if (!isThere) refuse(`the module exports no ${kind} "${name}"`);
  }
  const pages = memoryPagesMax(bytes);
  if (pages === null) return refuse('its memory has no maximum');
  if (pages * PAGE_BYTES > LIMITS.wasmMemoryBytesMax) {
    refuse(`its memory may grow to ${pages} pages: ${LIMITS.wasmMemoryBytesMax} bytes are allowed`);
  }
  return module;
}

/** The maximum of the first memory, read from the bytes of a module that compiles. */
function memoryPagesMax(bytes: Uint8Array): number | null {
  let at = 8;
  const number = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const section = bytes[at++];
    const size = number();
    const end = at + size;
    if (section === MEMORY_SECTION) {
      number();
      const flags = number();
      number();
      return (flags & 1) === 0 ? null : number();
    }
    at = end;
  }
  return null;
}

/**
 * Calls a module with bytes: `alloc(bytes) -> pointer`, the bytes are written there, then
 * `transform(pointer, bytes) -> i64` says where what came out lies: the pointer in the high 32
 * bits, how many bytes in the low ones. Runs for as long as the module does: call it in a thread
 * that is ended at the time limit. `transform-failed` when it traps, or tells of memory that is not
 * its own.
 */
export function callWasm(spec: SpecOf<'wasm'>, bytes: Uint8Array): Uint8Array {
  const module = checkWasm(spec);
  try {
    const { exports } = new Wasm.Instance(module);
    const memory = exports['memory'] as WasmMemory;
    const alloc = exports['alloc'] as WasmFunction;
    const transform = exports[spec.function ?? 'transform'] as WasmFunction;
    const pointer = Number(alloc(bytes.length)) >>> 0;
    new Uint8Array(memory.buffer, pointer, bytes.length).set(bytes);
    const told = transform(pointer, bytes.length);
    if (typeof told !== 'bigint') throw new TypeError('what it returns is no i64');
    const place = BigInt.asUintN(64, told);
    const start = Number(place >> 32n);
    return new Uint8Array(memory.buffer, start, Number(place & 0xffff_ffffn)).slice();
  } catch (cause) {
    throw transformFailed('wasm', cause instanceof Error ? cause.message : String(cause), cause);
  }
}
