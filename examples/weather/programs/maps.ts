/** Draws products as maps, a few of them, off the path of those who wait: at low priority. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import type { FieldObject, ReceivedField } from '../exchange/exchange.js';
import type { ReadonlyField } from '../grid.js';
import { drawMap, type MapOptions } from '../map.js';
import { fieldName, type Param, type Place, PRODUCT_UNITS, padded, productName } from '../plan.js';
import { type Program, runProgram } from './program.js';

/** Times of a forecast that are drawn: the last, and others before it at even distances. */
const TIMES_MAX = 4;
const NICE = 10;

/** A map, and what it needs: the product first. */
interface MapTask {
  readonly file: string;
  readonly needs: readonly FieldObject[];
  readonly describe: (product: ReceivedField, others: readonly ReadonlyField[]) => MapLook;
}

type MapLook = Omit<MapOptions, 'grid' | 'field'>;

/** Height in metres between contours: closer where the pressure falls less with height. */
function contoursOf(level: number, field: ReadonlyField | undefined, what = 'height') {
  if (field === undefined) return {};
  const interval = level >= 700 ? 50 : 100;
  return { contours: { field, interval, caption: `${what} every ${interval} m` } };
}

function evenly<T>(all: readonly T[], count: number): T[] {
  const indices = Array.from({ length: count }, (_, at) =>
    Math.round(((at + 1) * all.length) / count - 1),
  );
  return [...new Set(indices)].flatMap((index) => all[index] ?? []);
}

class MapList {
  readonly #program: Program;

  constructor(program: Program) {
    this.#program = program;
  }

  /** A few maps of each product. */
  forecast(): MapTask[] {
    const { plan } = this.#program;
    const [top = 0, middle = top] = plan.levels;
    const times = evenly(plan.steps, TIMES_MAX).flatMap((step) => [
      this.#windSpeed({ number: 0, step, level: top }),
      this.#vorticity({ number: 0, step, level: middle }),
      this.#mean(step, middle),
      this.#spread(step, middle),
    ]);
    return [...times, this.#largest(top)];
  }

  /** All that is made of a file. */
  analysis(): MapTask[] {
    const { plan } = this.#program;
    const places = plan.steps.flatMap((step) =>
      plan.levels.map((level) => ({ number: 0, step, level })),
    );
    return [
      ...places.map((place) => this.#windSpeed(place)),
      ...(plan.hasVorticity ? places.map((place) => this.#vorticity(place)) : []),
      ...plan.levels.map((level) => this.#largest(level)),
    ];
  }

  #field(place: Place, param: Param): FieldObject[] {
    const { plan, pool } = this.#program;
    if (!plan.params.includes(param)) return [];
    return [pool.object(fieldName(plan, place, param))];
  }

  #when(step: number, who: string): string {
    const { plan } = this.#program;
    const when = plan.stepLabels.get(step) ?? `step ${step}`;
    return plan.kind === 'analysis' ? when : `${who}, ${when}`;
  }

  #file(what: string, level: number, step: number | undefined): string {
    const { plan } = this.#program;
    if (step === undefined) return `${what}-${level}hPa.png`;
    const label = plan.kind === 'analysis' ? plan.stepLabels.get(step) : undefined;
    const time = label?.toLowerCase().replaceAll(/[^a-z0-9.]+/g, '-') ?? `${padded(step)}h`;
    return `${what}-${level}hPa-${time}.png`;
  }

  #windSpeed(place: Place): MapTask {
    const { level, step, number } = place;
    const wind = [...this.#field(place, 'u'), ...this.#field(place, 'v')];
    return {
      file: this.#file('wind-speed', level, step),
      needs: [
        this.#program.pool.object(productName('wind-speed', place)),
        ...wind,
        ...this.#field(place, 'h'),
      ],
      describe: (_, [u = [], v = [], h]) => ({
        title: `Wind speed at ${level} hPa`,
        subtitle: this.#when(step, `Member ${number}`),
        units: PRODUCT_UNITS['wind-speed'],
        colours: 'magnitude',
        wind: { u, v },
        ...contoursOf(level, h),
      }),
    };
  }

  #vorticity(place: Place): MapTask {
    const { level, step, number } = place;
    return {
      file: this.#file('vorticity', level, step),
      needs: [
        this.#program.pool.object(productName('vorticity', place)),
        ...this.#field(place, 'h'),
      ],
      describe: (_, [h]) => ({
        title: `Relative vorticity at ${level} hPa`,
        subtitle: this.#when(step, `Member ${number}`),
        units: PRODUCT_UNITS.vorticity,
        colours: 'diverging',
        ...contoursOf(level, h),
      }),
    };
  }

  #mean(step: number, level: number): MapTask {
    const { plan, pool } = this.#program;
    return {
      file: this.#file('mean-height', level, step),
      needs: [pool.object(productName('mean-height', { step, level }))],
      describe: (mean) => ({
        title: `Ensemble mean height at ${level} hPa`,
        subtitle: this.#when(step, `Mean of ${plan.members} members`),
        units: PRODUCT_UNITS['mean-height'],
        colours: 'height',
        ...contoursOf(level, mean.array),
      }),
    };
  }

  #spread(step: number, level: number): MapTask {
    const { plan, pool } = this.#program;
    return {
      file: this.#file('spread-height', level, step),
      needs: [
        pool.object(productName('spread-height', { step, level })),
        pool.object(productName('mean-height', { step, level })),
      ],
      describe: (_, [mean]) => ({
        title: `Ensemble spread of height at ${level} hPa`,
        subtitle: this.#when(step, `Spread of ${plan.members} members`),
        units: PRODUCT_UNITS['spread-height'],
        colours: 'spread',
        ...contoursOf(level, mean, 'mean height'),
      }),
    };
  }

  #largest(level: number): MapTask {
    const { plan, pool } = this.#program;
    return {
      file: this.#file('largest-wind', level, undefined),
      needs: [pool.object(productName('largest-wind', { level }))],
      describe: ({ attributes }) => {
        const when = plan.stepLabels.get(Number(attributes['step'])) ?? '';
        return {
          title: `Strongest wind at ${level} hPa`,
          subtitle:
            plan.kind === 'analysis'
              ? `Of all times; the most in ${when}`
              : `Of all members and steps; the most in member ${String(attributes['member'])}, ${when}`,
          units: PRODUCT_UNITS['largest-wind'],
          colours: 'magnitude',
        };
      },
    };
  }
}

await runProgram('maps', async (program) => {
  const { plan, tally, out } = program;
  setPriority(NICE);
  mkdirSync(out, { recursive: true });
  const list = new MapList(program);
  const tasks = plan.kind === 'analysis' ? list.analysis() : list.forecast();
  await program.require(tasks.flatMap(({ needs }) => needs));

  const draw = async ({ file, needs, describe }: MapTask): Promise<void> => {
    const fields = await Promise.all(needs.map((need) => program.receive(need)));
    const [product, ...others] = fields;
    if (product === undefined) return;
    const look = describe(
      product,
      others.map(({ array }) => array),
    );
    const path = join(out, file);
    writeFileSync(path, drawMap({ grid: plan.grid, field: product.array, ...look }));
    tally.map(path);
    await Promise.all(fields.map((field) => field.dispose()));
  };
  await Promise.all(tasks.map(draw));
});
