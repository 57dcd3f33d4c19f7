import type { Static } from 'typebox';
import { Compile } from 'typebox/compile';
import {
  BeatAnswer,
  RegistrationAnswer,
  RegistrationProblem,
  RegistryBody,
} from '../registry/schemas.js';

/** Checks of what a directory answers; each says whether a body has the form. */
export const registrationAnswer = Compile(RegistrationAnswer);
export const beatAnswer = Compile(BeatAnswer);
export const registryBody = Compile(RegistryBody);
const registrationProblem = Compile(RegistrationProblem);

export type Problem = Static<typeof RegistrationProblem>;

/** The code is the directory's own: `malformed-answer` where there is none. */
export function problemOf(body: unknown): Problem {
  return registrationProblem.Check(body) ? body : { code: 'malformed-answer' };
}
