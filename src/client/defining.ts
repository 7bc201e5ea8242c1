import type { Writer } from '../core/bytes.js';
import type { Schema } from '../core/schema/schema.js';
import { quoted } from '../core/selector/printer.js';
import type { Value, ValueMap } from '../core/value.js';
import { DEFINITION, writeDefine, writeDefinitions, writeGather } from '../protocol/index.js';
import type { Actor } from './actor.js';
import { askOk, askValue, asMap, asMaps } from './asking.js';
import type { Client } from './client.js';
import type { Attributes } from './options.js';
import { type Changed, type ChangeOptions, changeObjects, endObjects } from './selecting.js';

/** What a container gives its objects, unless they say otherwise. */
export interface ContainerOptions {
  readonly attributes?: Attributes | undefined;
  /** Schemas, by name, that ask each object for required keys and give their defaults. */
  readonly schemas?: readonly string[] | undefined;
  /** Of what the pool keeps, where the offer has none. */
  readonly lifetimeMs?: number | undefined;
  /** Of the container itself, for people. */
  readonly tags?: Attributes | undefined;
  readonly documentation?: string | undefined;
}

export interface CollectionOptions {
  /** What defines it; left out, it is a list. */
  readonly selector?: string | undefined;
  readonly tags?: Attributes | undefined;
  readonly documentation?: string | undefined;
}

/** A schema, a container or a collection as a pool has it. */
export interface Definition {
  readonly name: string;
  readonly definition: ValueMap;
  /** How many objects are in it; null of a schema, and of a collection with a selector. */
  readonly objects: number | null;
}

/** How one object relates to others. */
export type Relation = (typeof RELATIONS)[number];

export const RELATIONS = ['derived-from', 'part-of', 'supersedes', 'depends-on'] as const;

type Kind = keyof typeof DEFINITION;

/** Defines, or defines anew; null takes it away. */
export function defineNamed(
  client: Client,
  kind: Kind,
  name: string,
  definition: Value,
): Promise<void> {
  const what = definition === null ? `take the ${kind} "${name}" away` : `define "${name}"`;
  const write = (w: Writer): void => writeDefine(w, { kind: DEFINITION[kind], name, definition });
  return askOk(client, what, write);
}

/** What is left out is not said. */
export function withoutUndefined(options: { readonly [key: string]: unknown }): ValueMap {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as ValueMap;
}

export async function definitionsOf(
  client: Client,
  kind: Kind,
  name: string,
): Promise<Definition[]> {
  const write = (w: Writer): void => writeDefinitions(w, { kind: DEFINITION[kind], name });
  const rows = asMaps(await askValue(client, `look at the ${kind}s`, write));
  const found: Definition[] = [];
  for (const row of rows) {
    const each = String(row['name']);
    // Of very many, or very large ones, the answer has names alone.
    if (row['definition'] === null && name === '') {
      found.push(...(await definitionsOf(client, kind, each)));
    } else {
      const objects = typeof row['objects'] === 'number' ? row['objects'] : null;
      found.push({ name: each, definition: asMap(row['definition'] ?? {}), objects });
    }
  }
  return found;
}

/** Adds a value to a list that is a tag of all that is selected, or takes it out. */
export function gatherObjects(
  actor: Actor,
  selector: string,
  edit: { readonly key: string; readonly value: Value; readonly removes: boolean },
  options: ChangeOptions,
): Promise<Changed> {
  return changeObjects(actor, `change ${edit.key} of ${selector}`, selector, options, (w, part) =>
    writeGather(w, { ...part, ...edit }),
  );
}

/**
 * Deletes what is in a container, and then the container. What others of its objects depend on can
 * go when these have gone: so it is tried again as long as that deletes anything.
 */
export async function deleteContainer(
  actor: Actor,
  name: string,
  options: ChangeOptions & { readonly force?: boolean | undefined },
): Promise<Changed> {
  const how = options.force === true ? 'deleteForced' : 'delete';
  const selector = `.container = ${quoted(name)}`;
  // One that is not defined is told so, though there is nothing to delete.
  await definitionsOf(actor.client, 'container', name);
  let { selected, changed, refused } = await endObjects(actor, selector, how, options);
  if (options.dryRun === true) return { selected, changed, refused };
  for (let last = changed; last > 0 && changed < selected; changed += last) {
    const again = await endObjects(actor, selector, how, options);
    last = again.changed;
    refused = again.refused;
    selected = changed + again.selected;
  }
  if (changed === selected) await defineNamed(actor.client, 'container', name, null);
  return { selected, changed, refused };
}

/** Takes all objects out of a list, and then the collection away. */
export async function deleteCollection(
  actor: Actor,
  name: string,
  options: ChangeOptions,
): Promise<Changed> {
  const [known] = await definitionsOf(actor.client, 'collection', name);
  const isList = (known?.definition['selector'] ?? null) === null;
  const edit = { key: '.collections', value: name, removes: true };
  const changed = isList
    ? await gatherObjects(actor, `any .collections = ${quoted(name)}`, edit, options)
    : { selected: 0, changed: 0, refused: [] };
  if (options.dryRun !== true) await defineNamed(actor.client, 'collection', name, null);
  return changed;
}

/** The document of a schema, whether it was parsed or not. */
export function documentOf(schema: Schema | ValueMap): { name: string; document: ValueMap } {
  const document = 'document' in schema ? (schema as Schema).document : (schema as ValueMap);
  return { name: String(document['schema-name'] ?? ''), document };
}
