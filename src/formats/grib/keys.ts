/**
 * Keys that a message says by itself, by MARS's names where MARS has them, and by ecCodes' else.
 * What would need tables of the world's centres is left out: of edition 2 the param. Sources: WMO
 * FM 92 GRIB (editions 1 and 2), ECMWF's local sections and its tables of class, stream and type.
 */
type GribKeyValues = { readonly [key: string]: string | number };

const ECMWF = 98;

const CLASS: Codes = { 1: 'od', 2: 'rd', 3: 'er', 5: 'e4', 14: 'ei', 22: 'e2', 23: 'ea', 24: 'ep' };
const STREAM: Codes = {
  ...{ 1025: 'oper', 1026: 'scda', 1030: 'enda', 1035: 'enfo', 1043: 'mnth', 1045: 'wave' },
  ...{ 1071: 'moda', 1081: 'waef', 1088: 'ewda', 1220: 'mmsf', 1243: 'edmo', 1247: 'lwda' },
  ...{ 1249: 'elda' },
};
const TYPE: Codes = {
  ...{ 2: 'an', 3: 'ia', 6: '4v', 9: 'fc', 10: 'cf', 11: 'pf', 17: 'em', 18: 'es', 19: 'fa' },
  ...{ 20: 'cl', 30: 'ep' },
};

/** Types of levels, by their codes in each edition. */
const LEVTYPE_1: Codes = {
  ...{ 1: 'sfc', 8: 'sfc', 102: 'sfc', 105: 'sfc', 112: 'sfc', 100: 'pl', 109: 'ml', 113: 'pt' },
  ...{ 117: 'pv' },
};
const LEVTYPE_2: Codes = { 1: 'sfc', 101: 'sfc', 103: 'sfc', 100: 'pl', 105: 'ml', 107: 'pt' };

/** Hours of a unit of time; those of months and more have no fixed number. */
const UNIT_HOURS: { readonly [code: number]: number } = {
  ...{ 0: 1 / 60, 1: 1, 2: 24, 10: 3, 11: 6, 12: 12 },
};

type Codes = { readonly [code: number]: string };
type Found = { [key: string]: string | number };

/** The keys of a whole message; of one that is cut, or of another edition, what is there. */
export function keysOfMessage(message: Uint8Array): GribKeyValues {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const keys: Found = {};
  try {
    if (view.getUint8(7) === 1) edition1(view, keys);
    else if (view.getUint8(7) === 2) edition2(view, keys);
  } catch (error) {
    // It ends within a section: what ends it is not ours to say.
    if (!(error instanceof RangeError)) throw error;
  }
  return keys;
}

const u24 = (view: DataView, at: number): number =>
  view.getUint16(at) * 256 + view.getUint8(at + 2);

function put(keys: Found, key: string, value: string | number | undefined): void {
  if (value !== undefined) keys[key] = value;
}

/** As MARS has it where the code is known, else the code, under ecCodes' name. */
function putCode(keys: Found, key: string, code: number, codes: Codes): void {
  const name = codes[code];
  if (name === undefined) keys[`mars${key[0]?.toUpperCase()}${key.slice(1)}Code`] = code;
  else keys[key] = name;
}

function putDate(keys: Found, [year, month, day, hour, minute]: readonly number[]): void {
  keys['date'] = (year as number) * 10_000 + (month as number) * 100 + (day as number);
  keys['time'] = (hour as number) * 100 + (minute as number);
}

function putStep(keys: Found, unit: number, count: number): void {
  const hours = UNIT_HOURS[unit];
  if (hours !== undefined && Number.isInteger(hours * count)) keys['step'] = hours * count;
}

/** What ECMWF's local section begins with, in both editions; widths differ. */
function putLocal(
  keys: Found,
  view: DataView,
  at: { class: number; type: number; stream: number; expver: number; isWide: boolean },
): void {
  const code = (place: number): number =>
    at.isWide ? view.getUint16(place) : view.getUint8(place);
  putCode(keys, 'class', code(at.class), CLASS);
  putCode(keys, 'type', code(at.type), TYPE);
  putCode(keys, 'stream', view.getUint16(at.stream), STREAM);
  const expver = [0, 1, 2, 3].map((each) => view.getUint8(at.expver + each));
  if (expver.every((each) => each > 32 && each < 127)) {
    keys['expver'] = String.fromCharCode(...expver);
  }
}

function edition1(view: DataView, keys: Found): void {
  const start = 8;
  const byte = (at: number): number => view.getUint8(start + at);
  const centre = byte(4);
  const [table, parameter, levelType] = [byte(3), byte(8), byte(9)];
  keys['edition'] = 1;
  keys['centre'] = centre;
  if (centre === ECMWF && table >= 128) {
    keys['param'] = table === 128 ? parameter : table * 1_000 + parameter;
  } else {
    keys['table2Version'] = table;
    keys['indicatorOfParameter'] = parameter;
  }
  const levtype = LEVTYPE_1[levelType];
  if (levtype === undefined) keys['indicatorOfTypeOfLevel'] = levelType;
  else keys['levtype'] = levtype;
  if (levtype !== undefined && levtype !== 'sfc') keys['levelist'] = view.getUint16(start + 10);
  putDate(keys, [(byte(24) - 1) * 100 + byte(12), byte(13), byte(14), byte(15), byte(16)]);
  const range = byte(20);
  if (range === 10) putStep(keys, byte(17), view.getUint16(start + 18));
  else if (range <= 1) putStep(keys, byte(17), range === 1 ? 0 : byte(18));
  else if (range <= 5) putStep(keys, byte(17), byte(19));
  if (centre !== ECMWF || u24(view, start) < 51) return;
  const local = { class: start + 41, type: start + 42, stream: start + 43, expver: start + 45 };
  putLocal(keys, view, { ...local, isWide: false });
  // Definitions 1 and 36 go on with the number of the member and how many there are.
  const definition = byte(40);
  if ((definition === 1 || definition === 36) && byte(50) > 0) keys['number'] = byte(49);
}

function edition2(view: DataView, keys: Found): void {
  keys['edition'] = 2;
  keys['discipline'] = view.getUint8(6);
  // Of a message with several fields the first.
  const seen = new Set<number>();
  for (let at = 16; at + 5 <= view.byteLength; ) {
    const [size, section] = [view.getUint32(at), view.getUint8(at + 4)];
    if (size < 5 || seen.has(section) || section > 6) return;
    seen.add(section);
    if (section === 1) identification(view, at, keys);
    else if (section === 2 && keys['centre'] === ECMWF && size >= 17) {
      const local = { class: at + 7, type: at + 9, stream: at + 11, expver: at + 13 };
      putLocal(keys, view, { ...local, isWide: true });
    } else if (section === 4) product(view, at, keys);
    at += size;
  }
}

function identification(view: DataView, at: number, keys: Found): void {
  keys['centre'] = view.getUint16(at + 5);
  const rest = [14, 15, 16, 17].map((each) => view.getUint8(at + each));
  putDate(keys, [view.getUint16(at + 12), ...rest]);
}

/** Templates that begin alike: a field at a point in time, or over a span, of one or of many. */
const POINT_TEMPLATES: readonly number[] = [0, 1, 2, 8, 11, 12];
const MEMBER_TEMPLATES: readonly number[] = [1, 11];
const MISSING_U32 = 0xffff_ffff;

function product(view: DataView, at: number, keys: Found): void {
  const template = view.getUint16(at + 7);
  keys['productDefinitionTemplateNumber'] = template;
  keys['parameterCategory'] = view.getUint8(at + 9);
  keys['parameterNumber'] = view.getUint8(at + 10);
  if (!POINT_TEMPLATES.includes(template)) return;
  // Over a span the step is its end, which the template says elsewhere.
  const isPoint = template <= 2;
  if (isPoint) putStep(keys, view.getUint8(at + 17), view.getUint32(at + 18));
  const surface = view.getUint8(at + 22);
  const levtype = LEVTYPE_2[surface];
  put(keys, levtype === undefined ? 'typeOfFirstFixedSurface' : 'levtype', levtype ?? surface);
  const scaled = view.getUint32(at + 24);
  if (levtype !== undefined && levtype !== 'sfc' && scaled !== MISSING_U32) {
    // Signed by its first bit. Pressures are in Pa, MARS has hPa.
    const scale = view.getUint8(at + 23);
    const power = (scale & 0x7f) * (scale & 0x80 ? -1 : 1);
    const level = scaled / 10 ** power / (levtype === 'pl' ? 100 : 1);
    if (Number.isFinite(level)) keys['levelist'] = level;
  }
  if (MEMBER_TEMPLATES.includes(template)) keys['number'] = view.getUint8(at + 35);
}
