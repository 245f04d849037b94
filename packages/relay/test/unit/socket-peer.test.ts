import type { Socket } from 'socket.io';
import { expect, test, vi } from 'vitest';

import type { Session } from '../../src/gateway/session.js';
import { SocketPeer } from '../../src/gateway/socket-peer.js';

/** A peer whose connection takes nothing, with what the library and the session hear. */
function peerOf() {
  const library = vi.fn();
  const bye = vi.fn();
  const conn = { listeners: () => [library], transport: { name: 'websocket' }, write: vi.fn() };
  const peer = new SocketPeer({ conn } as unknown as Socket);
  peer.session = { bye } as unknown as Session;
  return { peer, library, bye };
}

const packet = Buffer.from('something that is not read here');

function send(peer: SocketPeer, count: number): void {
  for (let i = 0; i < count; i++) peer.received(packet);
}

test('whoever sends thousands of packets and reads no answer is shown out', () => {
  const { peer, library, bye } = peerOf();
  send(peer, 4_096);
  expect(bye).not.toHaveBeenCalled();
  expect(library).toHaveBeenCalledTimes(4_096);
  send(peer, 1);
  expect(bye).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'rate-limited' }));
  expect(library, 'what comes then is not even looked at').toHaveBeenCalledTimes(4_096);
});

test('whoever reads may send as much as it likes', () => {
  const { peer, library, bye } = peerOf();
  for (let round = 0; round < 10; round++) {
    send(peer, 4_000);
    peer.flushed();
  }
  expect(bye).not.toHaveBeenCalled();
  expect(library).toHaveBeenCalledTimes(40_000);
});
