/**
 * For developers: integrates the model, or reads a file, and draws maps into a directory.
 *
 *   node dist/examples/weather/preview.js --days 6 --every 24 --out /tmp/maps
 *   node dist/examples/weather/preview.js --file FILE.nc --out /tmp/maps
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type InputField, openInput } from './input.js';
import { drawMap } from './map.js';
import { createModel, MODEL_LEVELS, type Model } from './model/model.js';
import { writeRelativeVorticity, writeWindSpeed } from './products.js';

const { values } = parseArgs({
  options: {
    days: { type: 'string', default: '6' },
    every: { type: 'string', default: '24' },
    member: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    truncation: { type: 'string', default: '63' },
    scenario: { type: 'string', default: 'waves' },
    levels: { type: 'string', default: MODEL_LEVELS.join(',') },
    file: { type: 'string' },
    out: { type: 'string' },
  },
});
const out = values.out ?? 'out';
mkdirSync(out, { recursive: true });

function save(name: string, png: Uint8Array): void {
  const path = join(out, name);
  writeFileSync(path, png);
  process.stdout.write(`${path}\n`);
}

function drawModel(model: Model): void {
  const day = model.hours / 24;
  const subtitle = `Member ${model.member}, day ${day.toFixed(2)}`;
  for (const level of model.levels) {
    const wind = { u: model.field('u', level), v: model.field('v', level) };
    const field = new Float32Array(wind.u.length);
    const height = model.field('h', level);
    const interval = level === 850 ? 50 : 100;
    const name = `${level}-hour-${String(model.hours).padStart(4, '0')}.png`;
    writeWindSpeed(wind, field);
    const title = `Wind speed at ${level} hPa`;
    const contours = { field: height, interval, caption: `height every ${interval} m` };
    const common = { grid: model, field, subtitle };
    save(
      `speed-${name}`,
      drawMap({ ...common, title, units: 'm s-1', colours: 'magnitude', contours, wind }),
    );
    writeRelativeVorticity(wind, model, field);
    save(
      `vorticity-${name}`,
      drawMap({
        ...common,
        title: `Relative vorticity at ${level} hPa`,
        units: 's-1',
        colours: 'diverging',
      }),
    );
    save(
      `height-${name}`,
      drawMap({
        ...common,
        field: height,
        title: `Height at ${level} hPa`,
        units: 'm',
        colours: 'height',
        contours,
      }),
    );
  }
}

function integrate(): void {
  const every = Number(values.every);
  const levels = MODEL_LEVELS.filter((level) => values.levels.split(',').includes(String(level)));
  const model = createModel({
    member: Number(values.member),
    seed: Number(values.seed),
    truncation: Number(values.truncation),
    scenario: values.scenario === 'galewsky' ? 'galewsky' : 'waves',
    levels,
  });
  drawModel(model);
  while (model.hours < Number(values.days) * 24) {
    const startedMs = performance.now();
    model.advance(every);
    process.stdout.write(`${every} h in ${(performance.now() - startedMs).toFixed(0)} ms\n`);
    drawModel(model);
  }
}

function drawFile(path: string): void {
  const { fields } = openInput(path);
  const level = Math.min(...fields.map((field) => field.level ?? 0));
  const others = (field: InputField): string =>
    field.others.map(([name, value]) => `${name} ${value}`).join(', ');
  for (const u of fields.filter((field) => field.variable === 'u' && field.level === level)) {
    const same = (field: InputField): boolean =>
      field.level === level && others(field) === others(u);
    const v = fields.find((field) => field.variable === 'v' && same(field));
    const z = fields.find((field) => field.variable === 'z' && same(field));
    if (v === undefined) continue;
    const wind = { u: u.read(), v: v.read() };
    const field = new Float32Array(wind.u.length);
    const common = { grid: u, field, subtitle: others(u) };
    const suffix = `${level}-${others(u).replaceAll(/\W+/g, '-')}.png`;
    writeWindSpeed(wind, field);
    const height = z?.read().map((geopotential) => geopotential / 9.80665);
    const contours = height && { field: height, interval: 120, caption: 'height every 120 m' };
    save(
      `speed-${suffix}`,
      drawMap({
        ...common,
        title: `Wind speed at ${level} hPa`,
        units: u.units,
        colours: 'magnitude',
        wind,
        ...(contours && { contours }),
      }),
    );
    writeRelativeVorticity(wind, u, field);
    const title = `Relative vorticity at ${level} hPa`;
    save(`vorticity-${suffix}`, drawMap({ ...common, title, units: 's-1', colours: 'diverging' }));
  }
}

if (values.file === undefined) integrate();
else drawFile(values.file);
