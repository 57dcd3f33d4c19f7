import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import type { TurnServer } from '../src/index.js';
import type { SteeringStatus } from '../src/native/types.js';

/**
 * How the data planes and TURN servers of this process receive at relayed addresses, so that tests
 * run with both ways: `unsteered.test.ts` of a folder runs the others with steering off. Importers
 * see the change, so those that read it once must be imported after it.
 */
export let STEERING: 'auto' | 'off' = 'auto';

/** Makes tests that are imported afterwards, and commands that they start, have steering off. */
export function turnSteeringOff(): void {
  STEERING = 'off';
  process.env['TURNPIKE_TURN_STEERING'] = 'off';
  process.env['TURNPIKE_RELAY_STEERING'] = 'off';
}

/** Returns the event `steering` that a command logs in a lab, where the rights allow steering. */
export function steeringEvent() {
  return { event: 'steering', mode: STEERING === 'off' ? 'off' : 'on' };
}

/** Bits of CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF, which steering needs. */
const RIGHTS = [12n, 13n, 39n];

/** Returns whether this process has the rights to steer. */
function maySteer(): boolean {
  const [, hex = '0'] = /^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
  return RIGHTS.every((bit) => (BigInt(`0x${hex}`) >> bit) & 1n);
}

/** By what `turnSteeringOff` gives to commands, so that a test that misses its change fails. */
function expectedMode(): 'on' | 'off' {
  return process.env['TURNPIKE_TURN_STEERING'] !== 'off' && maySteer() ? 'on' : 'off';
}

/** Checks that a data plane with relayed addresses receives as the test wants it. */
export function checkSteering(t: Test, { mode, reason }: SteeringStatus): void {
  t.equal(mode, expectedMode(), `steering is as the test wants it ${reason ?? ''}`);
}

/** Checks that a server receives as the test wants it. */
export async function checkServerSteering(t: Test, server: TurnServer): Promise<void> {
  const [, value] = /^turnpike_turn_steering (\d)$/m.exec(await server.metrics()) ?? [];
  const mode = { 0: 'off', 1: 'on' }[String(value)];
  t.equal(mode, expectedMode(), 'steering is as the test wants it');
}
