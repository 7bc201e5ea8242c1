import type { Catalog } from '../client/catalog.js';
import type { Attributes } from '../client/options.js';
import { AttaccaError } from '../core/errors.js';
import { asText } from '../core/schema/scalars.js';
import { parseSchema } from '../core/schema/schema.js';
import { Schemas } from '../core/schema/schemas.js';
import { parseTemplate } from '../core/schema/template.js';
import type { Value, ValueMap } from '../core/value.js';
import { mapOf, quoted } from './format.js';
import { schemasOf } from './looking/definitions-text.js';

/**
 * The name that a template makes of an object, or the one of a schema that the pool knows: of the
 * attributes that it will have there, with those of its container, as the schemas have them. What
 * the pool would not take is refused here, with the same error.
 */
export async function nameBy(
  catalog: Catalog,
  templateOrSchema: string,
  given: Attributes,
): Promise<string> {
  return (await namer(catalog, templateOrSchema, given['.container']))(given);
}

/** As {@link nameBy}, of many objects in one container: the pool is asked once. */
export async function namer(
  catalog: Catalog,
  templateOrSchema: string,
  container: Value | undefined,
): Promise<(given: Attributes) => string> {
  const isTemplate = templateOrSchema.includes('{');
  // One that is malformed is told first.
  const template = isTemplate ? parseTemplate(templateOrSchema) : null;
  const [known, containers] = await Promise.all([
    catalog.schemas(),
    typeof container === 'string' ? catalog.containers(container) : [],
  ]);
  const schemas = new Schemas(known.map(({ definition }) => parseSchema(definition)));
  const from = containers.find(({ name }) => name === container)?.definition ?? {};
  const asked = schemasOf(from);
  const wholeOf = (given: Attributes): ValueMap => ({ ...mapOf(from['attributes']), ...given });
  if (template !== null) {
    return (given) => template.nameOf(asTexts(schemas.coerce(wholeOf(given), asked)));
  }
  const schema = schemas.find(templateOrSchema);
  const lead = `Cannot name an object by ${quoted(templateOrSchema)}:`;
  if (schema === null) {
    const why = `${lead} the pool knows no such schema, and a template has keys in braces`;
    throw new AttaccaError('unknown-definition', why, { kind: 'schema', name: templateOrSchema });
  }
  const { naming } = schema;
  if (naming === null) {
    const why = `${lead} this schema has no template`;
    throw new AttaccaError('bad-argument', why, { schema: schema.name });
  }
  return (given) => naming.nameOf(schemas.coerce(wholeOf(given), [...asked, schema.name]));
}

/** A template that no schema types takes texts, and of its formats what texts are read as. */
function asTexts(attributes: ValueMap): ValueMap {
  const entries = Object.entries(attributes);
  return Object.fromEntries(entries.map(([key, value]) => [key, asText(value) ?? value]));
}
