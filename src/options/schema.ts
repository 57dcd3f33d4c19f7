import Type, { type TSchema } from 'typebox';
import { NAME_PATTERN } from '../names.js';
import { expectation, type OptionSpec } from './option-spec.js';

/** Maximum length of a text in characters, unless its spec sets `lengthMax`. */
const TEXT_MAX = 4_096;

/**
 * Returns the JSON schema of one value of an option. The command line checks flags, environment
 * variables and files by it, the library the options of its calls. For an address it allows any
 * text; `decodeAddress` checks the address itself.
 * @param spec - of a `TextKind`, a `number`, or of `data`
 * @throws Error for another kind, which is a programmer error
 */
export function valueSchema(spec: OptionSpec): TSchema {
  switch (spec.kind) {
    case 'url':
      return Type.String({ pattern: '^https?://[^\\s]+$', maxLength: TEXT_MAX });
    case 'name':
      return Type.String({ pattern: `^${NAME_PATTERN}$` });
    case 'address':
    case 'file':
    case 'text':
      return Type.String({
        minLength: spec.lengthMin ?? 1,
        maxLength: spec.lengthMax ?? TEXT_MAX,
        ...(spec.pattern === undefined ? {} : { pattern: spec.pattern }),
      });
    case 'boolean':
      return Type.Boolean();
    case 'choice':
      return Type.Union((spec.choices ?? []).map((choice) => Type.Literal(choice)));
    case 'integer':
      return Type.Integer(bounds(spec));
    case 'number':
      return Type.Number(bounds(spec));
    case 'data':
      return spec.schema as TSchema;
    default:
      throw new Error(`impossible: no JSON stands for ${expectation(spec)}`);
  }
}

function bounds({ minimum, maximum }: OptionSpec) {
  return {
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
  };
}
