/**
 * What of a zstd frame is needed before a library unpacks it (RFC 8878, 3.1.1): told how much it
 * holds, the library makes no byte more; not told, it goes on as long as the frame says.
 */

const MAGIC = 0xfd2f_b528;
/** Of the frame header descriptor: content checksum, single segment. */
const HAS_CHECKSUM = 0x04;
const IS_SINGLE_SEGMENT = 0x20;
const SIZE_OF_8_BYTES = 0xc0;
const CHECKSUM_BYTES = 4;
const BLOCK_HEADER_BYTES = 3;
/** A block of one byte, many times. */
const RLE_BLOCK = 1;

interface ZstdFrame {
  /** Null where the frame does not say it: what is written as a stream. */
  readonly contentSize: number | null;
  /** Where the content size is, or would be. */
  readonly sizeAt: number;
  /** Where the blocks begin. */
  readonly blocksAt: number;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

/** The frame that bytes are: one and nothing behind it. Null for anything else. */
export function zstdFrame(bytes: Uint8Array): ZstdFrame | null {
  const view = viewOf(bytes);
  if (bytes.length < 6 || view.getUint32(0, true) !== MAGIC) return null;
  const descriptor = view.getUint8(4);
  const isSingle = (descriptor & IS_SINGLE_SEGMENT) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] as number;
  const sizeAt = 5 + (isSingle ? 0 : 1) + dictionary;
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >>> 6] as number;
  const blocksAt = sizeAt + sizeBytes;
  if (bytes.length < blocksAt) return null;
  const end = endOfBlocks(bytes, blocksAt);
  const rest = (descriptor & HAS_CHECKSUM) === 0 ? 0 : CHECKSUM_BYTES;
  if (end === null || end + rest !== bytes.length) return null;
  return { contentSize: sizeIn(view, sizeAt, sizeBytes), sizeAt, blocksAt };
}

function sizeIn(view: DataView, at: number, sizeBytes: number): number | null {
  switch (sizeBytes) {
    case 0:
      return null;
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    default:
      return Number(view.getBigUint64(at, true));
  }
}

function endOfBlocks(bytes: Uint8Array, from: number): number | null {
  let at = from;
  let isLast = false;
  while (!isLast) {
    if (at + BLOCK_HEADER_BYTES > bytes.length) return null;
    const [low, middle, high] = bytes.subarray(at, at + BLOCK_HEADER_BYTES);
    const header = Number(low) + Number(middle) * 0x100 + Number(high) * 0x1_0000;
    isLast = (header & 1) === 1;
    at += BLOCK_HEADER_BYTES + (((header >>> 1) & 3) === RLE_BLOCK ? 1 : header >>> 3);
  }
  return at;
}

/** The same frame with a checksum of its content, which the library checks and does not write. */
export async function withChecksum(frame: Uint8Array, content: Uint8Array): Promise<Uint8Array> {
  const { default: xxhash } = await import('xxhash-wasm');
  const { h64Raw } = await xxhash();
  const checked = new Uint8Array(frame.length + CHECKSUM_BYTES);
  checked.set(frame);
  checked[4] = (checked[4] as number) | HAS_CHECKSUM;
  const low = Number(BigInt.asUintN(32, h64Raw(content)));
  viewOf(checked).setUint32(frame.length, low, true);
  return checked;
}

/** The same frame, but it says that it holds `size` bytes: what holds others is damaged then. */
export function withContentSize(bytes: Uint8Array, frame: ZstdFrame, size: number): Uint8Array {
  const { sizeAt, blocksAt } = frame;
  const said = new Uint8Array(sizeAt + 8 + bytes.length - blocksAt);
  said.set(bytes.subarray(0, sizeAt));
  said.set(bytes.subarray(blocksAt), sizeAt + 8);
  said[4] = (said[4] as number) | SIZE_OF_8_BYTES;
  viewOf(said).setBigUint64(sizeAt, BigInt(size), true);
  return said;
}
