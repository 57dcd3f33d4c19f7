import Type, { type TSchema } from 'typebox';
import { NAME_PATTERN } from '../limits.js';
import { expectation, type OptionForm } from './form.js';

/** Longest text where a form does not say it, in characters. */
const TEXT_MAX = 4_096;

/**
 * The JSON schema of one value of an option. The command line checks its flags, environment and
 * files by it, the library the options of its calls. An address is text here; what is wrong with
 * one is told by `decodeAddress`.
 * @param form - of a kind that text can give
 * @param description - goes into the schema
 */
export function valueSchema(form: OptionForm, description = ''): TSchema {
  switch (form.kind) {
    case 'url':
      return Type.String({ description, pattern: '^https?://[^\\s]+$', maxLength: TEXT_MAX });
    case 'name':
      return Type.String({ description, pattern: `^${NAME_PATTERN}$` });
    case 'address':
    case 'file':
    case 'text':
      return Type.String({
        description,
        minLength: form.lengthMin ?? 1,
        maxLength: form.lengthMax ?? TEXT_MAX,
        ...(form.pattern === undefined ? {} : { pattern: form.pattern }),
      });
    case 'boolean':
      return Type.Boolean({ description });
    case 'choice':
      return Type.Union(
        (form.choices ?? []).map((choice) => Type.Literal(choice)),
        { description },
      );
    case 'integer':
      return Type.Integer({
        description,
        ...(form.minimum === undefined ? {} : { minimum: form.minimum }),
        ...(form.maximum === undefined ? {} : { maximum: form.maximum }),
      });
    case 'data':
      return form.schema as TSchema;
    default:
      throw new Error(`impossible: no JSON stands for ${expectation(form)}`);
  }
}
