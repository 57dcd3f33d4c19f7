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
