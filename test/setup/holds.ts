import fc from 'fast-check';
import type { Test } from 'tap';

/**
 * Asserts that a property holds for all generated cases. The test reports it as one assertion.
 * @param options - fast-check's parameters, such as `numRuns`
 */
export function holds<T>(t: Test, property: fc.IProperty<T>, options: fc.Parameters<T> = {}): void {
  const { failed, numRuns, counterexample, errorInstance, seed } = fc.check(property, options);
  t.notOk(failed, `holds in ${numRuns} cases`, { counterexample, error: errorInstance, seed });
}
