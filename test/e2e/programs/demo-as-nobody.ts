/** Runs `turnpike demo --nat` as an ordinary user, and prints code and message of the error. */
import '../../../src/cli/demo/namespace-environment.js';
import { runDemo } from '../../../src/cli/demo/demo.js';

// The modules are loaded before this line, since that user may be unable to read them.
process.setuid?.('nobody');
const { signal } = new AbortController();
const options = { nat: 'symmetric', seconds: 1, json: true } as const;
await runDemo(options, { stdout: process.stdout, env: process.env, stop: signal }).catch(
  ({ code, message }) => process.stdout.write(JSON.stringify({ code, message })),
);
