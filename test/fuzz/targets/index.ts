import type { FuzzTarget } from '../target.js';
import { ACCESS_TOKENS } from './access-tokens.js';
import { ESTIMATES } from './estimates.js';
import { REGISTRY } from './registry.js';
import { SIMULATION } from './simulation.js';
import { TEXT } from './text.js';
import { TURN_SETTINGS } from './turn-settings.js';
import { WIRE } from './wire.js';

/** Every target in TypeScript; those in C++ are test/native/fuzz_*.cc. */
export const TARGETS: readonly FuzzTarget[] = [
  ...WIRE,
  ...TEXT,
  ...REGISTRY,
  ...TURN_SETTINGS,
  ...ACCESS_TOKENS,
  ...ESTIMATES,
  ...SIMULATION,
];
