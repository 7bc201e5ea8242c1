import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Names one process for good: a pid alone is used again, sometimes within seconds. Null stands for
 * what the platform does not tell (macOS has neither boot id nor pid namespaces).
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Linux: field 22 of /proc/PID/stat, in clock ticks since boot. macOS: `ps -o lstart=`. */
  readonly startTime: string | null;
  /** /proc/sys/kernel/random/boot_id: differs after each reboot and on each machine. */
  readonly bootId: string | null;
  /** The target of /proc/self/ns/pid: a pid means nothing outside its namespace. */
  readonly pidNamespace: string | null;
  readonly hostname: string;
}

/** `unknown`: this process cannot tell. Treat it as alive wherever a mistake would lose data. */
export type Liveness = 'alive' | 'dead' | 'unknown';

/** What the system says of a pid here and now. Exists so that tests can put words in its mouth. */
export interface ProcessTable {
  /**
   * The start time of a running process; `gone` without one; `unknown` when it may not be asked.
   */
  startTimeOf(pid: number): { readonly kind: 'running'; readonly startTime: string } | NotRunning;
}

type NotRunning = { readonly kind: 'gone' } | { readonly kind: 'unknown' };

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function readOrNull(read: () => string): string | null {
  try {
    return read().trim();
  } catch {
    return null;
  }
}

/**
 * The state letter and the start time in the text of /proc/PID/stat (proc_pid_stat(5)). The second
 * field is the program's name in parentheses and may hold blanks and parentheses itself, so fields
 * are counted from the last `)`. Null when the text is not of this form.
 */
export function parseProcStat(text: string): { state: string; startTime: string } | null {
  const close = text.lastIndexOf(')');
  if (close < 0) return null;
  const fields = text.slice(close + 2).split(' ');
  const state = fields[0];
  const startTime = fields[19];
  if (state === undefined || startTime === undefined || !/^\d+$/.test(startTime)) return null;
  return { state, startTime };
}

const linuxTable: ProcessTable = {
  startTimeOf(pid) {
    let text: string;
    try {
      text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    } catch (error) {
      // ESRCH: the process ended between open and read.
      const gone = codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH';
      return { kind: gone ? 'gone' : 'unknown' };
    }
    const parsed = parseProcStat(text);
    if (parsed === null) return { kind: 'unknown' };
    // A zombie holds neither files nor memory: only its parent has not looked yet.
    if (parsed.state === 'Z' || parsed.state === 'X') return { kind: 'gone' };
    return { kind: 'running', startTime: parsed.startTime };
  },
};

const psTable: ProcessTable = {
  startTimeOf(pid) {
    const result = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '/bin:/usr/bin', LC_ALL: 'C' },
      timeout: 5_000,
    });
    if (result.error !== undefined || result.signal !== null) return { kind: 'unknown' };
    const startTime = result.stdout.trim();
    return startTime === '' ? { kind: 'gone' } : { kind: 'running', startTime };
  },
};

/** The table of the platform: /proc on Linux, `ps` (some milliseconds a question) elsewhere. */
export const systemProcessTable: ProcessTable = process.platform === 'linux' ? linuxTable : psTable;

/** The identity of the calling process, as others should record it. */
export function ownIdentity(table: ProcessTable = systemProcessTable): ProcessIdentity {
  const own = table.startTimeOf(process.pid);
  return {
    pid: process.pid,
    startTime: own.kind === 'running' ? own.startTime : null,
    bootId: readOrNull(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')),
    pidNamespace: readOrNull(() => readlinkSync('/proc/self/ns/pid')),
    hostname: hostname(),
  };
}

/**
 * Whether the process with this identity still runs. Same pid with another start time: dead.
 * Recorded before a reboot of this host: dead. Recorded on another host or in another pid namespace
 * (a container that shares the directory), or not to be asked: unknown. Never throws.
 */
export function processAlive(
  identity: ProcessIdentity,
  here: ProcessIdentity = ownIdentity(),
  table: ProcessTable = systemProcessTable,
): Liveness {
  // The boot id is one for all containers of a host, the host name is not: so it decides first.
  if (identity.bootId !== here.bootId) {
    return identity.hostname === here.hostname && identity.bootId !== null && here.bootId !== null
      ? 'dead'
      : 'unknown';
  }
  if (here.bootId === null && identity.hostname !== here.hostname) return 'unknown';
  if (identity.pidNamespace !== here.pidNamespace) return 'unknown';
  const found = table.startTimeOf(identity.pid);
  if (found.kind === 'gone') return 'dead';
  if (found.kind === 'unknown' || identity.startTime === null) return 'unknown';
  return found.startTime === identity.startTime ? 'alive' : 'dead';
}
