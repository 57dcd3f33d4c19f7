/**
 * The program that `turnpike demo --nat` runs in each peer's namespace. Its standard input is a
 * line of settings, whose end means stop; its standard output is a JSON report a line.
 */
import { createInterface } from 'node:readline';
import { isTurnpikeError, messageOf } from '../../errors.js';
import type { DemoPeerSettings } from './environment.js';
import type { PeerFailure, PeerReport } from './events.js';
import { runDemoPeer } from './peer.js';

const stop = new AbortController();

function report(told: PeerReport | PeerFailure): void {
  process.stdout.write(`${JSON.stringify(told)}\n`);
}

const input = createInterface({ input: process.stdin });
input.on('close', () => stop.abort());
input.once('line', async (line) => {
  const settings = JSON.parse(line) as DemoPeerSettings;
  try {
    await runDemoPeer(settings, { report, stop: stop.signal });
  } catch (error) {
    const code = isTurnpikeError(error) ? error.code : 'ERR_TURNPIKE_CLOSED';
    report({ event: 'failed', code, message: messageOf(error) });
    process.exitCode = 1;
  }
  process.stdin.destroy();
});
