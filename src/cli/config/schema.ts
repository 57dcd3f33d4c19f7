import Type, { type TSchema } from 'typebox';
import { valueSchema } from '../../options/schema.js';
import { COMMON_OPTIONS, type OptionTable, optionKey } from './option.js';

/** Values of one option that may repeat, where its spec does not say it. */
const ITEMS_MAX = 1_024;

/**
 * The JSON schema of a command's options, keyed as in its YAML file. It is the one check that
 * flags, environment and file all pass.
 * @param options - the command's own table; the common options are added
 */
export function schemaOf(options: OptionTable): TSchema {
  const properties: Record<string, TSchema> = {};
  const table: OptionTable = { ...options, ...COMMON_OPTIONS };
  for (const [name, option] of Object.entries(table)) {
    const value = valueSchema(option, option.description);
    const whole =
      option.repeat === true
        ? Type.Array(value, { minItems: 1, maxItems: option.itemsMax ?? ITEMS_MAX })
        : value;
    properties[optionKey(name)] = option.required === true ? whole : Type.Optional(whole);
  }
  return Type.Object(properties, { additionalProperties: false });
}
