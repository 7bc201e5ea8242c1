import { statfs } from 'node:fs/promises';

/** What statfs says of file systems that a disk may have, and of one that is none. */
const NAMES = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x794c7630, 'overlay'],
  [0x01021994, 'tmpfs'],
]);

export function fileSystemName(type: number): string {
  return NAMES.get(type) ?? `0x${type.toString(16)}`;
}

/** The file system that a directory lies in; refuses one in memory, which has nothing to sync. */
export async function diskFileSystem(directory: string): Promise<string> {
  const name = fileSystemName((await statfs(directory)).type);
  if (name === 'tmpfs') throw new Error(`Cannot measure a disk: "${directory}" is in memory`);
  return name;
}
