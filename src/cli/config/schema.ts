import Type, { type TSchema } from 'typebox';
import type { OptionDefinition, OptionTable } from './option.js';
import { COMMON_OPTIONS, optionKey } from './option.js';

/**
 * The JSON schema of a command's options, keyed as in its YAML file. It is the one check that
 * flags, environment and file all pass.
 * @param options - the command's own table; the common options are added
 */
export function schemaOf(options: OptionTable): TSchema {
  const properties: Record<string, TSchema> = {};
  const table: OptionTable = { ...options, ...COMMON_OPTIONS };
  for (const [name, option] of Object.entries(table)) {
    const value = valueSchema(option);
    const whole = option.repeat === true ? Type.Array(value, { minItems: 1 }) : value;
    properties[optionKey(name)] = option.required === true ? whole : Type.Optional(whole);
  }
  return Type.Object(properties, { additionalProperties: false });
}

function valueSchema(option: OptionDefinition): TSchema {
  const { description } = option;
  switch (option.kind) {
    case 'address':
      return Type.String({
        description,
        pattern: '^(\\[[0-9A-Fa-f:.]+\\]|[0-9]+(\\.[0-9]+){3}):[0-9]{1,5}$',
      });
    case 'url':
      return Type.String({ description, pattern: '^https?://[^\\s]+$' });
    case 'name':
      return Type.String({ description, pattern: '^[a-z0-9][a-z0-9.-]{0,62}$' });
    case 'file':
    case 'text':
      return Type.String({ description, minLength: 1, maxLength: 4_096 });
    case 'boolean':
      return Type.Boolean({ description });
    case 'choice':
      return Type.Union(
        (option.choices ?? []).map((choice) => Type.Literal(choice)),
        { description },
      );
    case 'integer':
      return Type.Integer({
        description,
        ...(option.minimum === undefined ? {} : { minimum: option.minimum }),
        ...(option.maximum === undefined ? {} : { maximum: option.maximum }),
      });
  }
}
