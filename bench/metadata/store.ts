import type { Described, Question } from './objects.js';

/** An object that a question has found. */
export interface Row {
  readonly object: string;
  /** With its tags. What has no type of its own in the store comes as text. */
  readonly attributes: Readonly<Record<string, unknown>> | null;
}

/**
 * What holds objects and answers questions about them, through one connection: the product or a
 * rival. Calls go out without waiting for the answers of earlier ones.
 */
export interface MetadataStore {
  /** How this one likes many objects to come. */
  readonly batch: { readonly objects: number; readonly underWay: number };
  /** Resolves when all are acknowledged. */
  load(objects: readonly Described[]): Promise<void>;
  /** Resolves when all that was loaded and tagged can be searched as fast as it ever will be. */
  settle(): Promise<void>;
  /** Adds a tag to each of these, or replaces its value; rejects when there is no such object. */
  tag(objects: readonly string[], key: string, value: string): Promise<void>;
  /** A tag for each object, with a value of its own: a request each, all in one pipeline. */
  tagEach(
    tags: readonly { readonly object: string; readonly value: string }[],
    key: string,
  ): Promise<void>;
  /** Resolves to the number of objects that have it now. */
  tagWhere(question: Question, key: string, value: string): Promise<number>;
  /** Pages of what is found. */
  query(
    question: Question,
    options: { readonly attributes: boolean },
  ): AsyncIterable<readonly Row[]>;
  /** Many exact questions in one request, or one pipeline: the names found, in order. */
  queryEach(questions: readonly Question[]): Promise<readonly string[]>;
  count(question: Question): Promise<number>;
  close(): Promise<void>;
}

/** What a store cannot do; the others are measured without it. */
export class CannotError extends Error {}

/** In the product `name` is what the object is called; what SoMeta calls so is another key. */
export const VARIABLE_KEY = 'variable';

/** A question in the language of the product. */
export function selectorOf({ equal, range, infix }: Question): string {
  const conditions = Object.entries(equal ?? {}).map(
    ([key, value]) => `${key === 'name' ? VARIABLE_KEY : key} = ${JSON.stringify(value)}`,
  );
  if (range !== undefined) conditions.push(`${range.key} in ${range.low}..${range.high}`);
  if (infix !== undefined) conditions.push(`${infix.key} infix ${JSON.stringify(infix.text)}`);
  return conditions.join(' and ');
}
