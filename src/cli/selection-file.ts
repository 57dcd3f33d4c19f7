import { SELECTION_SPECS, type SelectionSettings } from '../directory/selection-settings.js';
import { readSmallFile } from '../files/small-file.js';
import { checkOptions } from '../options/check.js';
import { parseConfig } from './config/config-file.js';

/**
 * Reads the file of `--selection-file`: a YAML mapping, or JSON, with the members of
 * `SelectionSettings`.
 * @param again - whether it was read before (`SmallFile`)
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG if it cannot be read or has a wrong member; the message
 *   names the file, the member and what is allowed
 */
export async function readSelectionFile(path: string, again = false): Promise<SelectionSettings> {
  const source = '--selection-file';
  const text = await readSmallFile({
    ...{ path, source, again, mayBeEmpty: true },
    code: 'ERR_TURNPIKE_CONFIG',
  });
  const members = parseConfig(path, text).map(({ key, value }) => [key, value ?? undefined]);
  return checkOptions<SelectionSettings, typeof SELECTION_SPECS>(
    path,
    SELECTION_SPECS,
    Object.fromEntries(members),
  );
}
