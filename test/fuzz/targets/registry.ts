import { beatSecondsOf } from '../../../src/directory/beat-pace.js';
import { parsedVersion, versionName } from '../../../src/registry/parts.js';
import { canonicalRecord } from '../../../src/registry/record.js';
import { REGISTRATION_LIMITS } from '../../../src/registry/registration-limits.js';
import {
  beatAnswer,
  registrationAnswer,
  registryBody,
  registryChangesBody,
  registryIndexBody,
} from '../../../src/relay/registration-answers.js';
import { relayRecord } from '../../directory/fixtures.js';
import { assertThat, bytesOf, type FuzzTarget, jsonOf, textOf } from '../target.js';

const DIGEST = '0123456789abcdef'.repeat(4);
const json = (value: unknown) => bytesOf(JSON.stringify(value));

const version: FuzzTarget = {
  name: 'registry-version',
  about: 'names of registry versions, from relays and directories',
  seeds: () => [DIGEST, `64-${DIGEST}`, '1-', '0-a', '99999-'].map(bytesOf),
  words: ['-', '1', '0', '64-', '100000-', '.', '\n'],
  run: (input) => {
    const text = textOf(input);
    const { parts, digest } = parsedVersion(text);
    assertThat(Number.isSafeInteger(parts) && parts >= 0, 'no number of parts');
    assertThat(text.endsWith(digest), 'a digest that is not in the name');
    const again = parsedVersion(versionName(parts, digest));
    if (parts > 1) assertThat(again.parts === parts && again.digest === digest, 'another version');
    const seconds = beatSecondsOf(0, text);
    const isPace = seconds === undefined || Number.isInteger(seconds);
    assertThat(isPace && (seconds ?? 0) <= REGISTRATION_LIMITS.beatSecondsMax, 'no pace of beats');
    return `${parts > 1} ${seconds}`;
  },
};

const SHAPES = {
  registration: registrationAnswer,
  beat: beatAnswer,
  whole: registryBody,
  index: registryIndexBody,
  changes: registryChangesBody,
};

const answers: FuzzTarget = {
  name: 'registry-answer',
  about: 'what a directory tells a relay: answers, the registry, its parts and changes',
  seeds: () => {
    const relays = [relayRecord('fra-1', 1)];
    const changes = { since: `2-${DIGEST}`, removed: ['nyc-1'], relays, proved: ['fra-1'] };
    return [
      { registryVersion: `2-${DIGEST}`, registryChanges: changes, check: [], beatSeconds: 7 },
      { registryVersion: DIGEST, registryChangesDigest: DIGEST, sequence: 9, measure: 'prober' },
      { registry: { version: DIGEST, relays } },
      { relays, proved: ['fra-1'] },
      { parts: [DIGEST, DIGEST] },
      changes,
    ].map(json);
  },
  words: ['null', '0', '-1', '1e999', '""', '[]', '{}', '"since":', '"__proto__":', '\\u0000'],
  run: (input) => {
    const parsed = jsonOf(input);
    if (parsed === undefined) return 'no JSON';
    const { value } = parsed;
    const takes = Object.entries(SHAPES).filter(([, shape]) => shape.Check(value));
    const records = registryBody.Check(value) ? value.relays : [];
    const refused = records.filter((record) => !canonicalRecord(record).ok).length;
    return `${takes.map(([name]) => name).join()} ${refused > 0}`;
  },
};

/** What relays and directories tell each other of the registry. */
export const REGISTRY: readonly FuzzTarget[] = [version, answers];
