import { ARRAYS } from './array-files.js';
import { DirectoryLevel } from './directory-level.js';
import { type Checked, type CheckOptions, checkStore, type Finding, headOfArray } from './fsck.js';
import type { StoreParts } from './loading.js';
import { lockStore } from './lock.js';
import { NodeStoreDisk } from './node-store-disk.js';
import { storeParts } from './open-store.js';
import { encodePackHeader, packNumberOf } from './pack.js';
import { STORE_FILE, writeStoreFile } from './store-file.js';
import { StoreReader } from './store-reader.js';

/** Where damaged bytes are set aside: nothing is thrown away. */
export const QUARANTINE = 'quarantine';

/**
 * Checks the store in a directory, as `attacca fsck` does: all that counts is read. It may be
 * written meanwhile. Errors: `not-a-store`, `store-denied`, `file-error`.
 */
export async function checkDirectory(
  directory: string,
  options: CheckOptions = {},
): Promise<Checked> {
  const disk = new NodeStoreDisk(directory);
  try {
    const reader = new StoreReader(await storeParts(disk, directory));
    await reader.load();
    return await checkStore(reader, options);
  } finally {
    await disk.close();
  }
}

/**
 * Checks a store and puts it right: packs get their headers and footers, torn tails go, damaged
 * bytes are set aside and their objects are no longer there. Returns what was found. `store-in-use`
 * while another process writes.
 */
export async function repairDirectory(
  directory: string,
  options: CheckOptions = {},
): Promise<Checked> {
  const disk = new NodeStoreDisk(directory);
  try {
    const parts = await storeParts(disk, directory);
    const lock = await lockStore(directory);
    try {
      return await repairStore(parts, options);
    } finally {
      await lock.release();
    }
  } finally {
    await disk.close();
  }
}

/** As {@link repairDirectory}, on any disk, which it closes. */
export async function repairStore(parts: StoreParts, options: CheckOptions = {}): Promise<Checked> {
  const reader = new StoreReader(parts);
  await reader.load();
  const checked = await checkStore(reader, options);
  await parts.disk.makeFolder(QUARANTINE);
  let isPackLost = false;
  for (const finding of checked.findings) {
    if (finding.kind === 'bad-store-file') await repairStoreFile(parts, reader);
    if (finding.kind === 'bad-header') {
      const isKept = await repairHeader(reader, finding);
      isPackLost ||= !isKept;
    }
    if (finding.kind === 'lost-pack' || finding.kind === 'cut-pack') isPackLost = true;
    if (finding.kind === 'cut-pack') await setCutAside(reader, finding);
    if (finding.kind === 'damaged-heads') await parts.disk.truncate(finding.path, finding.offset);
    if (finding.kind === 'gap' || finding.kind === 'torn') {
      await setBytesAside(parts, finding);
      isPackLost ||= finding.kind === 'gap';
    }
    if (finding.kind === 'damaged-object') await setBytesAside(parts, finding);
    if (finding.kind === 'damaged-metadata') await writeMetadata(parts, finding);
  }
  if (isPackLost) forgetLost(reader, checked.findings);
  // From here on as any writer does: torn tails are cut, packs closed, drafts removed.
  const level = await DirectoryLevel.load(parts, { access: 'write', isRepair: true });
  try {
    for (const finding of checked.findings) {
      const { kind, path } = finding;
      if (kind === 'unlisted-array' && !(isPackLost && (await takeIn(parts, level, path)))) {
        await setFolderAside(parts, path);
      }
      if (kind === 'damaged-array') await setFolderAside(parts, path);
      if (kind === 'damaged-array' || kind === 'damaged-object') {
        await endDamaged(parts, level, finding);
      }
    }
    await parts.disk.syncFolder(QUARANTINE);
  } finally {
    await level.close();
  }
  return checked;
}

/** The damaged file is set aside, and another says what the packs do. */
async function repairStoreFile(
  { disk, hash, seed, listed }: StoreParts,
  { packs }: StoreReader,
): Promise<void> {
  if ((await disk.size(STORE_FILE)) !== null) {
    await disk.rename(STORE_FILE, `${QUARANTINE}/${STORE_FILE}`);
  }
  for (const { header, end } of packs.values()) listed.note(header.number, end);
  await writeStoreFile(disk, hash, { seed, packs: listed.packs });
}

/** Where the footer says what the header did it is written anew; else the pack is set aside. */
async function repairHeader({ parts, packs }: StoreReader, { path }: Finding): Promise<boolean> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const pack = packs.get(packNumberOf(name) ?? 0);
  if (pack === undefined) {
    await parts.disk.rename(path, `${QUARANTINE}/${name}`);
    return false;
  }
  await parts.disk.write(path, 0, [encodePackHeader(pack.header, parts.hash)]);
  await parts.disk.sync(path);
  return true;
}

/** Of a pack that was cut what is behind its last record; the whole file where it has none. */
async function setCutAside({ parts, packs }: StoreReader, finding: Finding): Promise<void> {
  const { path } = finding;
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!packs.has(packNumberOf(name) ?? 0)) {
    await parts.disk.rename(path, `${QUARANTINE}/${name}`);
    return;
  }
  const size = (await parts.disk.size(path)) ?? 0;
  const bytes = size - finding.offset;
  if (bytes > 0) await setBytesAside(parts, { ...finding, bytes });
}

/** What is lost is not missed any more: the next writer lists what is there. */
function forgetLost({ parts }: StoreReader, findings: readonly Finding[]): void {
  const lost = findings.filter(({ kind }) => LOSSES.has(kind));
  for (const { path } of lost) {
    parts.listed.forget(packNumberOf(path.slice(path.lastIndexOf('/') + 1)) ?? 0);
  }
}

const LOSSES: ReadonlySet<Finding['kind']> = new Set([
  ...(['lost-pack', 'cut-pack', 'bad-header', 'gap'] as const),
]);

async function setBytesAside(
  { disk }: StoreParts,
  { path, offset, bytes }: Finding,
): Promise<void> {
  const target = new Uint8Array(bytes);
  const got = (await disk.read(path, offset, target)) ?? 0;
  const name = path.slice(path.lastIndexOf('/') + 1);
  const aside = `${QUARANTINE}/${name}.${offset}`;
  await disk.write(aside, 0, [target.subarray(0, got)]);
  await disk.sync(aside);
}

/** A zarr.json as its record has it; what was there is set aside. */
async function writeMetadata({ disk }: StoreParts, { path, text = '' }: Finding): Promise<void> {
  if ((await disk.size(path)) !== null) {
    await disk.rename(path, `${QUARANTINE}/${path.slice(ARRAYS.length + 1).replaceAll('/', '.')}`);
  }
  await disk.write(path, 0, [new TextEncoder().encode(text)]);
  await disk.sync(path);
  await disk.syncFolder(path.slice(0, path.lastIndexOf('/')));
}

/** Of an array whose record alone is damaged another record is made. */
async function endDamaged(
  { disk }: StoreParts,
  level: DirectoryLevel,
  { pool, name, version, folder }: Finding,
): Promise<void> {
  if (pool === undefined || name === undefined || version === undefined) return;
  const array = folder === undefined ? null : await headOfArray(disk, folder);
  if (array !== null) await level.takeIn(array.head);
  else await level.delete({ pool, name, version }, { durability: 'fsync' });
}

async function setFolderAside({ disk }: StoreParts, path: string): Promise<void> {
  await disk.rename(path, `${QUARANTINE}/${path.slice(path.lastIndexOf('/') + 1)}`);
}

/** An array of which no pack tells, as the one that did is lost: it says itself what it is. */
async function takeIn({ disk }: StoreParts, level: DirectoryLevel, path: string): Promise<boolean> {
  const found = await headOfArray(disk, path.slice(ARRAYS.length + 1));
  if (found === null || (await level.has(found.key))) return false;
  await level.takeIn(found.head);
  return true;
}
