// Two pages in a call of their own: the server only carries their messages.
import { MeshClient } from "/clients/mesh-client.js";

export async function start({ url, token }) {
  const client = new MeshClient(url, token);
  const state = { client, log: [], pc: null, received: [] };
  for (const type of ["room-joined", "room-left", "user-joined", "user-left", "offer", "answer", "ice-candidate"]) {
    client.on(type, (message) => state.log.push(message));
  }
  window.mesh = state;
  return client.connect();
}

function connect(roomName, peerId) {
  const { client } = window.mesh;
  const pc = new RTCPeerConnection();
  window.mesh.pc = pc;
  pc.onicecandidate = ({ candidate }) => candidate && client.candidate(roomName, peerId, candidate);
  client.on("ice-candidate", (message) => {
    window.mesh.log.push(message);
    void pc.addIceCandidate({ candidate: message.candidate, sdpMid: message.sdpMid, sdpMLineIndex: message.sdpMLineIndex });
  });
  return pc;
}

/** Calls a peer and says hello over a data channel. */
export async function call({ roomName, peerId }) {
  const { client } = window.mesh;
  const pc = connect(roomName, peerId);
  const channel = pc.createDataChannel("greeting");
  channel.onopen = () => channel.send("hello");
  client.on("answer", (message) => {
    window.mesh.log.push(message);
    void pc.setRemoteDescription({ type: "answer", sdp: message.sdp });
  });
  await pc.setLocalDescription();
  client.offer(roomName, peerId, pc.localDescription.sdp);
}

/** Takes the next call. */
export function answerCalls({ roomName }) {
  const { client } = window.mesh;
  client.on("offer", async (message) => {
    window.mesh.log.push(message);
    const pc = connect(roomName, message.fromUserId);
    pc.ondatachannel = ({ channel }) => (channel.onmessage = ({ data }) => window.mesh.received.push(data));
    await pc.setRemoteDescription({ type: "offer", sdp: message.sdp });
    await pc.setLocalDescription();
    client.answer(roomName, message.fromUserId, pc.localDescription.sdp);
  });
}
