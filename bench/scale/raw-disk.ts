/** What the disk and fresh memory cost alone: as many bytes written and synced, or read once. */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { numberOf, textOf } from '../harness/reply.js';
import { takePart } from '../harness/take-part.js';

const PIECE_BYTES = 1024 * 1024;

takePart({
  write(request) {
    const piece = new Uint8Array(PIECE_BYTES).map((_, index) => index * 7);
    const began = performance.now();
    const fd = openSync(textOf(request, 'path'), 'wx');
    for (let left = numberOf(request, 'bytes'); left > 0; left -= PIECE_BYTES) writeSync(fd, piece);
    fsyncSync(fd);
    closeSync(fd);
    return { seconds: (performance.now() - began) / 1e3 };
  },
  /** Into memory that stays, each piece with its checksum: the least that bringing back can do. */
  read(request) {
    const began = performance.now();
    const fd = openSync(textOf(request, 'path'), 'r');
    const pieces: Uint8Array[] = [];
    let crc = 0;
    for (;;) {
      const piece = new Uint8Array(PIECE_BYTES);
      const bytes = readSync(fd, piece);
      if (bytes === 0) break;
      crc = crc32(piece.subarray(0, bytes), crc);
      pieces.push(piece);
    }
    closeSync(fd);
    return { seconds: (performance.now() - began) / 1e3, pieces: pieces.length, crc };
  },
});
