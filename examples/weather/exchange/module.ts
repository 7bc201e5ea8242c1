/**
 * Ways for the fields from elsewhere: `--via module:FILE.js` takes one from a module, so that the
 * very same programs can be timed over what this example does not know.
 */
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plan } from '../plan.js';
import { badUsage, type ModuleVia, type Via } from '../settings.js';
import type { FieldPool } from './exchange.js';

/** What such a module exports. */
export interface ExchangeModule {
  /** Starts what the fields go through, for one run of the workflow. */
  serve(): Promise<ServedExchange>;
  /** The way of one program of the workflow, whose environment is that of what is served. */
  open(program: { readonly name: string; readonly plan: Plan }): Promise<FieldPool>;
}

export interface ServedExchange {
  /** For the environment of the programs. */
  readonly env: Readonly<Record<string, string>>;
  /** Of the processes that serve: their memory counts. */
  readonly pids: readonly number[];
  /** What it is, a line each. */
  readonly description: readonly string[];
  /** Ends it and removes what it held. */
  close(): Promise<void>;
}

const PREFIX = 'module:';

export function isModuleVia(via: Via): via is ModuleVia {
  return via.startsWith(PREFIX);
}

/** For people: "redis-streams". */
export function moduleLabel(via: ModuleVia): string {
  return basename(via.slice(PREFIX.length)).replace(/\.m?js$/, '');
}

/** @throws WeatherError `bad-usage` when the module is none of these. */
export async function loadExchangeModule(via: ModuleVia): Promise<ExchangeModule> {
  const path = via.slice(PREFIX.length);
  const loaded: Partial<ExchangeModule> = await import(pathToFileURL(path).href).catch(
    (cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw badUsage(`Cannot take "--via ${via}": ${why}`);
    },
  );
  const { serve, open } = loaded;
  if (typeof serve === 'function' && typeof open === 'function') return { serve, open };
  throw badUsage(`Cannot take "--via ${via}": it does not export "serve" and "open"`);
}
