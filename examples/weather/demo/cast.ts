/** Who takes part in the workflow: consumers first, since they require before anything is there. */
import { fieldsPerStep, type Plan, placesOf } from '../plan.js';
import { type Settings, settingsToArguments } from '../settings.js';

export interface Role {
  readonly name: string;
  /** The compiled program, seen from this file. */
  readonly file: string;
  readonly args: readonly string[];
}

export interface Cast {
  readonly producers: readonly Role[];
  readonly consumers: readonly Role[];
  /** Products that will be made when all goes well. */
  readonly productCount: number;
}

const PROGRAMS = '../programs';

function numbered(name: string, file: string, count: number, args: readonly string[]): Role[] {
  return Array.from({ length: count }, (_, number) => ({
    name: `${name}[${number}]`,
    file: `${PROGRAMS}/${file}`,
    args: [...args, '--number', `${number}`],
  }));
}

export function castOf(plan: Plan, settings: Settings, out: string): Cast {
  const args = settingsToArguments(settings);
  const one = (name: string, more: readonly string[] = []): Role => ({
    name,
    file: `${PROGRAMS}/${name}.js`,
    args: [...args, ...more],
  });
  const { members } = plan;
  if (plan.kind === 'messages') {
    const consumer = settings.via === 'brokers' ? 'messages-broker.js' : 'messages-consumer.js';
    return {
      producers: numbered('model', 'messages-model.js', members, args),
      consumers: numbered('consumer', consumer, members, args),
      productCount: fieldsPerStep(plan) * plan.steps.length * members,
    };
  }
  const places = placesOf(plan).length;
  const [perMember, perStep] = [places, (2 * places) / members];
  return {
    producers:
      plan.kind === 'analysis' ? [one('reader')] : numbered('model', 'model.js', members, args),
    consumers: [
      one('wind-speed'),
      ...(plan.hasVorticity ? [one('vorticity')] : []),
      ...(plan.hasEnsemble ? [one('ensemble')] : []),
      one('extremes'),
      one('maps', ['--out', out]),
    ],
    productCount:
      perMember * (plan.hasVorticity ? 2 : 1) +
      (plan.hasEnsemble ? perStep : 0) +
      plan.levels.length,
  };
}
