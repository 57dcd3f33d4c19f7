import { checkUpdate } from './check.js';
import type { Checked, Settings } from './option-spec.js';

/** Names of the settings that can change while the program runs. */
type Changing<T> = {
  [K in keyof T]: T[K] extends { readonly changes: 'while running' } ? K : never;
}[keyof T];

/** A change of settings. Settings that are left out keep their value. */
export type Update<O, T> = Partial<Pick<O, Changing<T> & keyof O>>;

/**
 * What a change of each setting does. An effect checks the new value without changing anything, and
 * returns a function that applies it. It throws if the program cannot use the value.
 */
export type Effects<O, T> = {
  readonly [K in Changing<T> & keyof O]-?: (
    value: Exclude<Checked<O, T>[K], undefined>,
  ) => () => void;
};

/**
 * Changes settings of a running program: all that are given, or none.
 * @param call - the public function, such as `Relay#update`, for messages
 * @param specs - the settings of the program
 * @param effects - of the settings that can change while it runs
 * @param given - the caller's value, of any type
 * @param together - a further effect, which checks the values of several settings together
 * @throws TurnpikeError as `checkOptions`, and what an effect throws for a value that the program
 *   cannot use; nothing has changed then
 */
export function updateSettings<O, T extends Settings<O>>(
  call: string,
  specs: T,
  effects: Effects<O, T>,
  given: Update<O, T>,
  together: () => () => void = () => () => {},
): void {
  const values = Object.entries(checkUpdate<O, T>(call, specs, given));
  const commits = values.map(([name, value]) =>
    effects[name as keyof typeof effects](value as never),
  );
  const last = together();
  for (const commit of commits) commit();
  last();
}
