/**
 * What the producers offer: fields with the keys of ECMWF's archive (MARS) as attributes
 * `ecmwf.*`. The model's, computed as they are asked for, or the messages of a GRIB file, with keys
 * of theirs; but `number` is the producer's, and `step` counts the times of the file.
 */
import type { Attributes, Pool } from 'attacca';
import { createModel, MODEL_LEVELS } from '../model/model.js';
import { PARAM_UNITS, type Param, padded, STEP_HOURS } from '../plan.js';
import type { Settings } from './settings.js';

/** Fields are arrays of float32; messages are bytes as they stand in the file. */
export type Values = Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

export interface Field {
  readonly name: string;
  readonly attributes: Attributes;
  readonly space: { readonly dtype: 'float32' | 'uint8'; readonly shape: readonly number[] };
  /** Fills the memory that others will read; called in the order of the fields. */
  write(target: Values): void;
}

/** ECMWF's numbers of parameters. */
const PARAMS: Readonly<Record<Param, number>> = { u: 131, v: 132, h: 156 };
const UNITS: { readonly [param: number]: string } = {
  ...{ 129: 'm2 s-2', 130: 'K', 131: PARAM_UNITS.u, 132: PARAM_UNITS.v, 156: PARAM_UNITS.h },
  167: 'K',
};
const MARS: ReadonlySet<string> = new Set([
  ...['class', 'expver', 'stream', 'type', 'date', 'time', 'levtype', 'levelist', 'param'],
]);

/** Everything that tells a field from others is in its name, too. */
function named(keys: Attributes): { readonly name: string; readonly attributes: Attributes } {
  const { number, step, levtype, levelist = 0, param } = keys;
  return {
    name: `fc/number=${number}/step=${padded(Number(step))}/${levtype}=${levelist}/param=${param}`,
    attributes: {
      ...Object.fromEntries(Object.entries(keys).map(([key, value]) => [`ecmwf.${key}`, value])),
      units: UNITS[Number(param)] ?? '1',
    },
  };
}

function modelFields({ members: _, steps, ...settings }: Settings, number: number): Field[] {
  const { nlat, nlon, seed } = settings;
  const truncation = Math.min(42, Math.floor((nlon - 1) / 2));
  const model = createModel({ member: number, seed, nlat, nlon, truncation });
  const constant = { class: 'rd', expver: 'demo', stream: 'enfo', type: 'pf', levtype: 'pl' };
  const hours = Array.from({ length: steps }, (_, index) => (index + 1) * STEP_HOURS);
  const params = ['u', 'v', 'h'] as const;
  return hours.flatMap((step) =>
    MODEL_LEVELS.flatMap((levelist) =>
      params.map((param): Field => {
        const when = { date: 20000101, time: 0 };
        const keys = { ...constant, ...when, number, step, levelist, param: PARAMS[param] };
        return {
          ...named(keys),
          space: { dtype: 'float32', shape: [nlat, nlon] },
          write(target) {
            if (model.hours < step) model.advance(STEP_HOURS);
            model.writeField(param, levelist, target as Float32Array<ArrayBuffer>);
          },
        };
      }),
    ),
  );
}

/** Where main.ts has imported the file: each message an object with its keys. */
export const IMPORTED = 'grib';

/** Of a file without members everybody has all; its times, one after the other, are the steps. */
async function messageFields(pool: Pool, { steps }: Settings, number: number): Promise<Field[]> {
  const found: { readonly name: string; readonly attributes: Attributes }[] = [];
  const ofFile = `has message and .part-of = "${IMPORTED}"`;
  for await (const one of pool.query(ofFile, { sort: 'message' })) found.push(one);
  const numbers = [...new Set(found.map(({ attributes }) => attributes['number']))];
  const wanted = numbers[number % numbers.length];
  const own = found.filter(({ attributes }) => attributes['number'] === wanted);
  const timeOf = ({ date, time }: Attributes): string => `${date} ${time}`;
  const times = [...new Set(own.map(({ attributes }) => timeOf(attributes)))].slice(0, steps);
  const chosen = own.filter(({ attributes }) => times.includes(timeOf(attributes)));
  const messages = await pool.demandMany(chosen.map(({ name }) => name));
  return chosen.map(({ attributes }, index) => {
    const mars = Object.entries(attributes).filter(([key]) => MARS.has(key));
    const step = times.indexOf(timeOf(attributes)) * STEP_HOURS;
    const message = messages[index]?.unsafeBytes() ?? new Uint8Array(0);
    return {
      ...named({ ...Object.fromEntries(mars), number, step }),
      space: { dtype: 'uint8', shape: [message.length] },
      write: (target) => target.set(message),
    };
  });
}

/** All that one member of the ensemble offers, in this order. */
export async function fieldsOf(pool: Pool, settings: Settings, number: number): Promise<Field[]> {
  if (settings.input === undefined) return modelFields(settings, number);
  return await messageFields(pool, settings, number);
}
