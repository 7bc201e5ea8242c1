import type { Reader, Writer } from '../core/bytes.js';
import type { Value } from '../core/value.js';
import { type Reading, readValue, writeValue } from '../core/value-codec.js';
import { DEFINITION, MESSAGE } from './codes.js';
import { endBody, readChoice, writeWhole } from './message.js';
import { readName, writeName } from './names.js';

/** 0x30 DEFINE: a schema, a container or a collection under a name; null takes it away. */
export interface Define {
  readonly kind: number;
  readonly name: string;
  readonly definition: Value;
}

export function readDefine(r: Reader, how?: Reading): Define {
  const kind = readChoice(r, DEFINITION.collection, 'the kind of a definition');
  const nameStart = r.at;
  readName(r);
  r.at = nameStart;
  const name = r.text();
  const definition = readValue(r, how);
  endBody(r);
  return { kind, name, definition };
}

export function writeDefine(w: Writer, { kind, name, definition }: Define): void {
  writeWhole(w, MESSAGE.define, () => {
    w.u8(kind);
    writeName(w, name);
    writeValue(w, definition);
  });
}

/** 0x49 DEFINITIONS: what is defined, of one kind; of one name, or of all when it is empty. */
export interface DefinitionsRequest {
  readonly kind: number;
  readonly name: string;
}

export function readDefinitions(r: Reader): DefinitionsRequest {
  const kind = readChoice(r, DEFINITION.collection, 'the kind of a definition');
  const name = r.text();
  endBody(r);
  return { kind, name };
}

export function writeDefinitions(w: Writer, { kind, name }: DefinitionsRequest): void {
  writeWhole(w, MESSAGE.definitions, () => {
    w.u8(kind);
    w.text(name);
  });
}

/** 0x48 LINEAGE: what an object was made of, and what was made of it. */
export class Lineage {
  nameStart = 0;
  nameEnd = 0;
  depth = 0;
}

export function readLineage(r: Reader, into: Lineage): void {
  into.nameStart = readName(r);
  into.nameEnd = r.at;
  into.depth = r.u32();
  endBody(r);
}

export function writeLineage(w: Writer, name: string, depth: number): void {
  writeWhole(w, MESSAGE.lineage, () => {
    writeName(w, name);
    w.u32(depth);
  });
}
