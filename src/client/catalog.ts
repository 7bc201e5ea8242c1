import { AttaccaError } from '../core/errors.js';
import type { Schema } from '../core/schema/schema.js';
import { quoted } from '../core/selector/printer.js';
import type { ValueMap } from '../core/value.js';
import { checkNameText } from '../protocol/index.js';
import type { Actor } from './actor.js';
import {
  type CollectionOptions,
  type ContainerOptions,
  type Definition,
  defineNamed,
  definitionsOf,
  deleteCollection,
  deleteContainer,
  documentOf,
  gatherObjects,
  RELATIONS,
  type Relation,
  withoutUndefined,
} from './defining.js';
import { errorOf } from './errors.js';
import { checkOptions } from './known-options.js';
import type { Changed, ChangeOptions } from './selecting.js';

/**
 * What a pool has by name beside objects, and how objects hang together: `pool.catalog`.
 *
 * ```ts
 * await pool.catalog.defineSchema(await loadSchema('ecmwf-mars'));
 * await pool.catalog.defineContainer('run42', { attributes: { class: 'od' } });
 * await pool.catalog.defineCollection('late', { selector: 'step > 120' });
 * ```
 */
export class Catalog {
  readonly #actor: Actor;

  constructor(actor: Actor) {
    this.#actor = actor;
  }

  /**
   * The pool holds by it what is offered, expected and tagged from now on. `bad-schema`,
   * `schema-conflict`.
   */
  async defineSchema(schema: Schema | ValueMap): Promise<void> {
    const { name, document } = documentOf(schema);
    await defineNamed(this.#actor.client, 'schema', name, document);
  }

  /** `definition-in-use` while a container names it. */
  async removeSchema(name: string): Promise<void> {
    await defineNamed(this.#actor.client, 'schema', name, null);
  }

  /** Schemas, all or the one of a name (`unknown-definition`). */
  schemas(name = ''): Promise<Definition[]> {
    return definitionsOf(this.#actor.client, 'schema', name);
  }

  /** Objects are in it whose offer says so: by the attribute `.container`. */
  async defineContainer(name: string, options: ContainerOptions = {}): Promise<void> {
    checkOptions('container', `define the container "${name}"`, options);
    await defineNamed(this.#actor.client, 'container', name, withoutUndefined({ ...options }));
  }

  containers(name = ''): Promise<Definition[]> {
    return definitionsOf(this.#actor.client, 'container', name);
  }

  /**
   * Deletes all that is in a container, and the container when nothing is left in it. What cannot
   * be deleted is told, unless forced.
   */
  async deleteContainer(
    name: string,
    options: ChangeOptions & { readonly force?: boolean | undefined } = {},
  ): Promise<Changed> {
    checkOptions('changeForced', `delete the container "${name}"`, options);
    return await deleteContainer(this.#actor, name, options);
  }

  /** A selector with a name, or a list. Selectors ask for it: `.collection = "name"`. */
  async defineCollection(name: string, options: CollectionOptions = {}): Promise<void> {
    checkOptions('collection', `define the collection "${name}"`, options);
    await defineNamed(this.#actor.client, 'collection', name, withoutUndefined({ ...options }));
  }

  collections(name = ''): Promise<Definition[]> {
    return definitionsOf(this.#actor.client, 'collection', name);
  }

  /** Takes a collection away; its objects stay. */
  async deleteCollection(name: string, options: ChangeOptions = {}): Promise<Changed> {
    checkOptions('change', `delete the collection "${name}"`, options);
    return await deleteCollection(this.#actor, name, options);
  }

  /** Puts all that a selector selects into the list of a collection. */
  async collect(name: string, selector: string, options: ChangeOptions = {}): Promise<Changed> {
    checkOptions('change', `collect ${selector}`, options);
    const edit = { key: '.collections', value: name, removes: false };
    return await gatherObjects(this.#actor, selector, edit, options);
  }

  /** Takes all that a selector selects out of the list of a collection. */
  async uncollect(name: string, selector: string, options: ChangeOptions = {}): Promise<Changed> {
    checkOptions('change', `uncollect ${selector}`, options);
    const edit = { key: '.collections', value: name, removes: true };
    return await gatherObjects(this.#actor, selector, edit, options);
  }

  /** Says how an object relates to another one, which need not be there (yet, or any more). */
  async relate(name: string, relation: Relation, other: string): Promise<void> {
    await this.#relate(name, relation, other, false);
  }

  /** Takes back what {@link relate} said. */
  async unrelate(name: string, relation: Relation, other: string): Promise<void> {
    await this.#relate(name, relation, other, true);
  }

  async #relate(name: string, relation: Relation, other: string, removes: boolean): Promise<void> {
    if (!RELATIONS.includes(relation)) {
      const why = `there is no relation "${relation}", but ${RELATIONS.join(', ')}`;
      throw new AttaccaError('bad-argument', `Cannot relate "${name}": ${why}`);
    }
    checkNameText(name);
    if (!removes) checkNameText(other);
    const edit = { key: `.${relation}`, value: other, removes };
    const selector = `name = ${quoted(name)}`;
    const { selected, refused } = await gatherObjects(this.#actor, selector, edit, {});
    const [first] = refused;
    if (first !== undefined) {
      const { code, message } = first;
      throw errorOf({ code: String(code), message: String(message), fields: { name } });
    }
    if (selected > 0) return;
    const why = `Cannot relate "${name}": the pool has no such object`;
    throw new AttaccaError('unknown-object', why, { name });
  }
}
