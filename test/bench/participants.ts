/** A participant for the tests of the harness, as those of the benchmarks are written. */
import { spawn } from 'node:child_process';
import { takePart } from '../../bench/harness/take-part.js';

takePart({
  echo: (request) => ({ said: request['say'] }),
  fail: () => {
    throw new Error('it cannot be done');
  },
  silence: () => new Promise<object>(() => {}),
  leave: () => process.exit(3),
  /** Starts something that would go on for long. */
  child: () => ({ pid: spawn('sleep', ['600'], { stdio: 'ignore' }).pid }),
});
