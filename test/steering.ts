/**
 * How the data planes and TURN servers of this process receive at relayed addresses, so that tests
 * run with both ways: `unsteered.test.ts` of a folder runs the others with steering off.
 */
export const STEERING = process.env['TURNPIKE_TEST_STEERING'] === 'off' ? 'off' : 'auto';

/** Makes the tests that are imported afterwards run with steering off. */
export function turnSteeringOff(): void {
  process.env['TURNPIKE_TEST_STEERING'] = 'off';
}
