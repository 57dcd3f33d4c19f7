/** An agent of a stack for Node: `node-agent.mjs STACK TASK`. */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { runAgent } from './data-channel.mjs';

/** Loads a package that the set-up of the tests has installed. */
const load = createRequire(new URL('../../../build/interop/package.json', import.meta.url));

/** Returns what makes a connection of each stack. */
const STACKS = {
  werift: () => {
    const { RTCPeerConnection } = load('werift');
    return (configuration) => {
      const [server] = configuration.iceServers;
      // Without a STUN server it asks one on the Internet, and its answer comes too late.
      const stun = { urls: server.urls.replace(/^turn:([^?]*).*/, 'stun:$1') };
      return new RTCPeerConnection({
        ...configuration,
        iceServers: [stun, server],
        iceUseIpv6: false,
        iceFilterCandidatePair: ({ localCandidate }) => localCandidate.type === 'relay',
      });
    };
  },
  wrtc: () => {
    const { RTCPeerConnection } = load('@roamhq/wrtc');
    return (configuration) => new RTCPeerConnection(configuration);
  },
  'node-datachannel': () => {
    const { RTCPeerConnection } = load('node-datachannel/polyfill');
    return (configuration) => new RTCPeerConnection(configuration);
  },
};

const [stack, task] = process.argv.slice(2);
const input = createInterface({ input: process.stdin });
input.once('close', () => process.exit());
const lines = input[Symbol.asyncIterator]();
const hear = async () => JSON.parse((await lines.next()).value);
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
await runAgent(STACKS[stack](), JSON.parse(task), say, hear);
// Sockets of a stack may keep a program running that has nothing left to do.
process.exit();
