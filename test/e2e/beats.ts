import { fileURLToPath } from 'node:url';
import { readLines } from '../../src/lab/index.js';
import type { Measurements } from '../../src/registry/types.js';
import { spawnTypeScript } from '../lab/agent.js';
import type { World } from './world.js';

const PROGRAM = fileURLToPath(new URL('./programs/beat-recorder.ts', import.meta.url));

const PORT = 8444;

/** What a relay has measured, as the directory has taken it. */
export interface RecordedBeat extends Measurements {
  readonly relay: string;
}

/**
 * Lets the relays of a world register by a proxy that records their measurements. To be called when
 * the lab is up and no relay has started.
 * @returns the beats with measurements, to which later ones are added
 */
export async function recordBeats(world: World): Promise<readonly RecordedBeat[]> {
  const { directoryUrl } = world.accessFrom(world.directoryHost);
  const args = [`[::]:${PORT}`, directoryUrl];
  const { child } = spawnTypeScript(world.lab, world.directoryHost, PROGRAM, args);
  const beats: RecordedBeat[] = [];
  await new Promise<void>((resolve) => {
    readLines(child.stdout, (line) => {
      if (line === 'listening') resolve();
      else beats.push(JSON.parse(line));
    });
  });
  world.registrationPort = PORT;
  return beats;
}
