import type { OptionSpecs } from '../options/option-spec.js';
import { STRANGER_LIMITS } from './stranger-limits.js';

/**
 * Specs of the budget of responses to unauthenticated requests. Data only, as
 * `options/shared-specs.ts`.
 */
export const CHALLENGE_SPECS = {
  challengesPerSecond: {
    kind: 'integer',
    minimum: 1,
    maximum: STRANGER_LIMITS.challengesMax,
    default: STRANGER_LIMITS.challengesPerSecond,
    description: 'responses per second to unauthenticated requests of one source address',
  },
  challengesBurst: {
    kind: 'integer',
    minimum: 1,
    maximum: STRANGER_LIMITS.challengesMax,
    default: STRANGER_LIMITS.challengesBurst,
    description: 'burst of responses to unauthenticated requests of one source address',
  },
} as const satisfies OptionSpecs;
