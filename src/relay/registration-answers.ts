import type { Static } from 'typebox';
import { Compile } from 'typebox/compile';
import {
  BeatAnswer,
  RegistrationAnswer,
  RegistrationProblem,
  RegistryBody,
  RegistryChangesBody,
  RegistryIndexBody,
} from '../registry/schemas.js';

/** Validators of the directory's responses. */
export const registrationAnswer = Compile(RegistrationAnswer);
export const beatAnswer = Compile(BeatAnswer);
export const registryBody = Compile(RegistryBody);
export const registryIndexBody = Compile(RegistryIndexBody);
export const registryChangesBody = Compile(RegistryChangesBody);
const registrationProblem = Compile(RegistrationProblem);

export type Problem = Static<typeof RegistrationProblem>;

/** Returns the problem in a response; code `malformed-answer` if it has none. */
export function problemOf(body: unknown): Problem {
  return registrationProblem.Check(body) ? body : { code: 'malformed-answer' };
}
