import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { diskFileSystem, fileSystemName } from '../../bench/harness/file-system.js';

test('a file system has its name, or its number', () => {
  assert.deepEqual([0xef53, 0x01021994, 0x1234].map(fileSystemName), ['ext4', 'tmpfs', '0x1234']);
});

const noMemory = existsSync('/dev/shm') ? false : 'there is no /dev/shm';

test('memory is no disk', { skip: noMemory }, async () => {
  await assert.rejects(diskFileSystem('/dev/shm'), /in memory/);
});
