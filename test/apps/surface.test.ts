import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as apps from '../../src/apps/index.js';

test('the names that attacca/apps exports', () => {
  assert.deepEqual(Object.keys(apps).sort(), [
    'CannotStart',
    'ProgramFailed',
    'TRACE_FORMATS',
    'archiver',
    'checkpoint',
    'keepAlive',
    'lastCheckpoint',
    'librarian',
    'runProgram',
    'step',
    'top',
    'tracer',
    'watch',
    'when',
  ]);
});
