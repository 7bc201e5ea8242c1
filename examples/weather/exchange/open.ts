import { type Plan, stepGroupOf } from '../plan.js';
import { badUsage, type Settings } from '../settings.js';
import type { FieldPool } from './exchange.js';
import { openFiles } from './files.js';
import { isModuleVia, loadExchangeModule } from './module.js';
import { joinPool } from './pool.js';

/** The way that the settings name, for a program of that name. */
export async function openExchange(
  { via, directory }: Settings,
  plan: Plan,
  name: string,
): Promise<FieldPool> {
  if (via === 'pool' || via === 'brokers') return await joinPool(name);
  if (isModuleVia(via)) return await (await loadExchangeModule(via)).open({ name, plan });
  if (directory === undefined) throw badUsage(`Cannot take "--via ${via}" without --directory`);
  return openFiles({
    directory,
    groupOf: via === 'files' ? (name) => stepGroupOf(plan, name) : (name) => ({ name, count: 1 }),
  });
}
