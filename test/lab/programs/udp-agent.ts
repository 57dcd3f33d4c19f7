/**
 * Opens UDP sockets, sends datagrams and reports received ones for a test, inside a namespace.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { Received, UdpMethods } from '../agent.js';
import { serveRpc } from '../rpc.js';

const sockets: Socket[] = [];

const methods: UdpMethods = {
  open: ({ family, port }) =>
    new Promise((resolve, reject) => {
      const number = sockets.length;
      const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
      sockets.push(socket);
      socket.on('message', (data, { address, port: fromPort }) => {
        tell({ socket: number, from: { address, port: fromPort }, text: data.toString() });
      });
      socket.on('error', reject);
      socket.bind(port, () => resolve({ socket: number, port: socket.address().port }));
    }),
  send: ({ socket, to, text }) =>
    new Promise((resolve, reject) => {
      sockets[socket]?.send(text, to.port, to.address, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    }),
};

const tell = serveRpc<Received>(methods);
