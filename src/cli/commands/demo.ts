import { defineCommand } from '../command.js';
import { option } from '../config/option.js';
import { EXIT } from '../exit-codes.js';

const NATS = ['port-restricted', 'symmetric', 'full-cone', 'address-restricted'] as const;

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
    nat: option(
      { kind: 'choice', choices: NATS },
      'put both peers behind NATs of this kind, in network namespaces (root)',
      { placeholder: 'KIND', defaultText: 'no NAT, loopback' },
    ),
    seconds: option(
      { kind: 'integer', minimum: 1, maximum: 86_400 },
      'duration of the traffic, in seconds',
      { defaultText: 'until Ctrl-C' },
    ),
    json: option({ kind: 'boolean' }, 'print JSON lines, also on a terminal'),
  },
  examples: [
    { purpose: 'for an ordinary user, until Ctrl-C', line: 'turnpike demo' },
    {
      purpose: 'behind two symmetric NATs for ten seconds',
      line: 'sudo turnpike demo --nat symmetric --seconds 10',
    },
  ],
  run: async ({ options, io, stop }) => {
    const { runDemo } = await import('../demo/demo.js');
    await runDemo(options, { ...io, stop });
    return EXIT.ok;
  },
});
