import { isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { TurnpikeError } from '../../errors.js';
import { readSmallFile } from '../../files/small-file.js';

/** A key of a configuration file. */
export interface ConfigEntry {
  readonly key: string;
  readonly value: unknown;
  /** Line of the key, from 1. */
  readonly line: number;
}

/**
 * Reads a configuration file: one YAML mapping of option names to values. JSON is YAML too.
 * @param again - whether it was read before (`SmallFile`)
 * @returns its entries in order
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG if it cannot be read or is no such mapping; the message
 *   starts with `file:line`
 */
export async function readConfigFile(path: string, again = false): Promise<ConfigEntry[]> {
  const text = await readSmallFile({
    ...{ path, source: '--config', code: 'ERR_TURNPIKE_CONFIG' },
    ...{ mayBeEmpty: true, again },
  });
  return parseConfig(path, text);
}

/**
 * Returns the entries of a configuration text.
 * @param path - for messages
 * @throws as `readConfigFile`
 */
export function parseConfig(path: string, text: string): ConfigEntry[] {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'error' });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `${path}:${line}:${col}: ${error.message}`);
  }
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return [];
  if (!isMap(root)) {
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `${path}:1: expected "option: value" lines`);
  }
  return root.items.map(({ key, value }) => {
    const range = isScalar(key) ? key.range : undefined;
    const line = range ? lineCounter.linePos(range[0]).line : 1;
    try {
      return {
        key: isScalar(key) ? String(key.value) : String(key),
        value: isNode(value) ? value.toJS(document) : value,
        line,
      };
    } catch (cause) {
      // An alias without its anchor, or too many aliases.
      const [what = ''] = (cause as Error).message.split('\n');
      throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `${path}:${line}: ${what}`, { cause });
    }
  });
}
