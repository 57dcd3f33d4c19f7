import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Test } from 'tap';
import { turnClient } from '../setup/test-tools.js';

/** Path of coturn's client; undefined if it is not there. */
export const UCLIENT = turnClient();

/** Runs coturn's client, and asserts that it sends something and gets all of it back. */
export async function uclientLosesNothing(t: Test, name: string, argv: readonly string[]) {
  const client = spawn(UCLIENT ?? '', argv);
  let output = '';
  client.stdout.on('data', (chunk: Buffer) => {
    output += String(chunk);
  });
  const [code] = await once(client, 'close');
  t.equal(code, 0, name);
  t.match(output, /Total lost packets 0 /, name);
  t.match(output, /tot_send_msgs=([1-9]\d*), tot_recv_msgs=\1\n/, name);
}
