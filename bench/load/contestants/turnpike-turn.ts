import { join } from 'node:path';
import { programArguments } from '../../../test/setup/test-programs.js';
import { ROOT } from '../programs.js';
import { COLLECTING, type TurnAddresses, type TurnProgram } from './turn-spec.js';

/**
 * Returns Turnpike's TURN server with one worker.
 * @param name - of its contestant
 * @param checkout - folder of another compiled checkout whose server is measured
 */
export function turnpikeTurn(name: string, checkout: string = ROOT): TurnProgram {
  const program = join(checkout, 'bench/load/contestants/turnpike-turn-main.ts');
  return {
    name,
    collectsGarbage: true,
    command: (addresses: TurnAddresses) => [
      process.execPath,
      ...COLLECTING,
      ...programArguments(program),
      JSON.stringify(addresses),
    ],
  };
}
