import { refuse } from '../core/assert.js';
import { firstTwice } from '../core/first-twice.js';
import type { ByteOrder, Dtype } from '../core/space.js';
import type {
  Attribute,
  AttributeType,
  Dataset,
  Dimension,
  ElementType,
  Variable,
} from '../formats/dataset.js';
import { elementSize } from '../formats/element-size.js';
import { mustBePathNames } from './header-bounds.js';

/** What a format can have. */
export interface Rules {
  readonly title: string;
  /** Of all elements; null: any. */
  readonly byteOrder: ByteOrder | null;
  readonly hasGroups: boolean;
  /** Left out: it has. */
  readonly hasNames?: boolean | undefined;
  /** Whether a dimension can grow: is it always the first one, and how many others can already. */
  isUnlimited(isFirst: boolean, others: number): boolean;
  /** The attribute as the format has it; null: it cannot have it. */
  attributeOf(attribute: Attribute): Attribute | null;
  /** The type that elements have there; null: none. */
  typeOf(type: ElementType): ElementType | null;
}

/**
 * A dataset as a format can have it. Dimensions that it cannot let grow do not; groups become part
 * of the names where it has none. `bad-space` for elements that it does not have.
 */
export function fitted(dataset: Dataset, rules: Rules): Dataset {
  const attributesOf = (attributes: readonly Attribute[]): readonly Attribute[] =>
    attributes.flatMap((each) => rules.attributeOf(each) ?? []);
  const named = (name: string): string => (rules.hasGroups ? name : name.replaceAll('/', '_'));
  const variables = dataset.variables.map((variable): Variable => {
    const type = rules.typeOf(variable.type);
    if (type === null) {
      refuse(
        'bad-space',
        `Cannot write "${variable.name}": ${rules.title} has no elements of type ${variable.type}`,
        { variable: variable.name, dtype: variable.type },
      );
    }
    return {
      ...{ name: named(variable.name), type, dimensions: variable.dimensions },
      byteOrder: elementSize(type) === 1 ? 'little' : (rules.byteOrder ?? variable.byteOrder),
      attributes: attributesOf(variable.attributes),
    };
  });
  const dimensions = growing(dataset, rules).map((each) => ({ ...each, name: named(each.name) }));
  if (rules.hasNames !== false) {
    mustBePathNames('a variable', variables);
    mustBePathNames('a dimension', dimensions);
  }
  mustDiffer('variables', variables, rules.title);
  mustDiffer('dimensions', dimensions, rules.title);
  const groups = (dataset.groups ?? []).map((group) => {
    return { name: group.name, attributes: attributesOf(group.attributes) };
  });
  const fit = { dimensions, attributes: attributesOf(dataset.attributes), variables };
  return rules.hasGroups ? { ...fit, groups } : fit;
}

function mustDiffer(what: string, all: readonly { readonly name: string }[], title: string): void {
  const twice = firstTwice(all.map(({ name }) => name));
  if (twice === null) return;
  refuse('bad-name', `Cannot write two ${what} "${twice}" into a file of ${title}`, {
    name: twice,
  });
}

function growing(dataset: Dataset, rules: Rules): readonly Dimension[] {
  const inner = innerDimensions(dataset);
  let others = 0;
  return dataset.dimensions.map((dimension, at) => {
    const unlimited = dimension.unlimited && rules.isUnlimited(!inner.has(at), others);
    if (unlimited) others += 1;
    return { ...dimension, unlimited };
  });
}

/** Places of the dimensions that are not the first one of a variable, or not alone. */
export function innerDimensions({ variables }: Dataset): ReadonlySet<number> {
  return new Set(variables.flatMap(({ dimensions }) => dimensions.slice(1)));
}

export function isText(type: AttributeType): boolean {
  return type === 'text' || type === 'char' || type.startsWith('string[');
}

/** The texts of an attribute, without the zeros that end them. Characters of no shape are one. */
export function textsOf({ type, bytes, shape }: Attribute): readonly Uint8Array[] {
  const texts: Uint8Array[] = [];
  const isOne = type === 'char' && (shape ?? []).length === 0;
  const size = isOne ? bytes.length : elementSize(type);
  for (let at = 0; at < bytes.length; ) {
    const zero = type === 'text' ? bytes.indexOf(0, at) : at + size;
    const stop = zero < 0 ? bytes.length : zero;
    let end = stop;
    while (end > at && bytes[end - 1] === 0) end -= 1;
    texts.push(bytes.subarray(at, end));
    at = type === 'text' ? stop + 1 : stop;
  }
  return texts;
}

/** The text of an attribute as it lies, or its texts a line each. */
export function textOf(attribute: Attribute): Uint8Array {
  const texts = textsOf(attribute);
  if (attribute.type !== 'text' && texts.length <= 1) return attribute.bytes;
  const lines = texts.flatMap((text, at) => (at === 0 ? [text] : [Buffer.of(10), text]));
  return new Uint8Array(Buffer.concat(lines));
}

/** Objects have no type for a byte of text: a string of one byte is what comes next to it. */
export function dtypeOf(type: ElementType): Dtype {
  return type === 'char' ? 'string[1]' : type;
}
