import { defineCommand } from '../command.js';
import { EXIT } from '../exit-codes.js';

/** `turnpike demo` */
export const demoCommand = defineCommand({
  path: ['demo'],
  summary: 'see it work on this machine: a directory, two relays, two peers',
  description:
    'Starts a directory, two relays and two peers, prints the path and each step as it happens, ' +
    'then live throughput, round trip and loss until Ctrl-C. On loopback it needs no rights; ' +
    'with --nat (root) everything runs in network namespaces behind real NATs. Nothing is left ' +
    'behind.',
  options: {
    nat: {
      kind: 'choice',
      placeholder: 'KIND',
      description: 'put both peers behind NATs of this kind, in network namespaces (root)',
      choices: ['port-restricted', 'symmetric', 'full-cone', 'address-restricted'],
      defaultText: 'no NAT, loopback',
    },
    seconds: {
      kind: 'integer',
      placeholder: 'N',
      description: 'end by itself after this long',
      minimum: 1,
      maximum: 86_400,
      defaultText: 'until Ctrl-C',
    },
    json: {
      kind: 'boolean',
      description: 'print JSON lines, also on a terminal',
    },
  },
  examples: [
    { purpose: 'for an ordinary user, until Ctrl-C', line: 'turnpike demo' },
    {
      purpose: 'behind two symmetric NATs for ten seconds',
      line: 'sudo turnpike demo --nat symmetric --seconds 10',
    },
  ],
  run: async ({ options, io, stop }) => {
    const { runDemo } = await import('../demo.js');
    const { nat, seconds, json } = options;
    await runDemo({ nat, seconds, json }, { stdout: io.stdout, env: io.env, stop });
    return EXIT.ok;
  },
});
