/** CRC-32 of zlib: of `bytes`, begun with the value of what came before. Given by the shell. */
export type Checksum = (bytes: Uint8Array, before: number) => number;

/** Writes a file piece by piece; each piece is borrowed until the call returns. */
export type Sink = (bytes: Uint8Array) => void;

/** Reads a file piece by piece: fills the whole target, or as much as is left; returns how much. */
export type Source = (target: Uint8Array) => number;
