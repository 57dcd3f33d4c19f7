import type { HostFacts } from '../../../src/cli/coturn/coturn-addresses.js';
import { parseCoturnFile } from '../../../src/cli/coturn/coturn-file.js';
import { coturnOptions } from '../../../src/cli/coturn/coturn-options.js';

/** A host with an address of each family. */
export const HOST: HostFacts = {
  hasIpv6: true,
  byDefaultRoute: { 4: '10.0.0.5', 6: '2001:db8::5' },
};

/** Maps a text with the name `turnserver.conf`. @param given - options that other sources give */
export function read(text: string, given: readonly string[] = [], host = HOST) {
  const { values, problems, remarks } = coturnOptions({
    file: 'turnserver.conf',
    entries: parseCoturnFile('turnserver.conf', text),
    host,
    isGiven: (option) => given.includes(option),
  });
  return {
    values: Object.fromEntries([...values].map(([name, { raw }]) => [name, raw])),
    sources: Object.fromEntries([...values].map(([name, { source }]) => [name, source])),
    problems: [...problems],
    warnings: remarks.filter(({ level }) => level === 'warn').map(({ text: said }) => said),
    infos: remarks.filter(({ level }) => level === 'info').map(({ text: said }) => said),
  };
}
