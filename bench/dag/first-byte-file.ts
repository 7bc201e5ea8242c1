/** Reads the first byte of a file, and says so. */
import { readFileSync } from 'node:fs';

process.stdout.write(String(readFileSync(process.argv[2] ?? '')[0]));
