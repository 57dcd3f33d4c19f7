/**
 * The program that `turnpike demo --nat` runs in each peer's namespace. Its standard input is a
 * line of settings, whose end means stop; its standard output is a JSON report a line.
 */
import { createInterface } from 'node:readline';
import { isTurnpikeError } from '../../errors.js';
import type { DemoPeerSettings } from './environment.js';
import type { PeerReport } from './events.js';
import { runDemoPeer } from './peer.js';

const stop = new AbortController();

function report(told: PeerReport): void {
  process.stdout.write(`${JSON.stringify(told)}\n`);
}

const input = createInterface({ input: process.stdin });
input.on('close', () => stop.abort());
input.once('line', (line) => {
  const settings = JSON.parse(line) as DemoPeerSettings;
  runDemoPeer(settings, { report, stop: stop.signal }).then(
    () => process.stdin.destroy(),
    (error: unknown) => {
      const code = isTurnpikeError(error) ? error.code : 'ERR_TURNPIKE_CLOSED';
      report({ event: 'failed', code, message: error instanceof Error ? error.message : '' });
      process.exitCode = 1;
      process.stdin.destroy();
    },
  );
});
