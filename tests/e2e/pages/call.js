// A participant of the client library: joins, publishes, keeps what happened.
import { RheonClient } from "/rheon/index.js";

window.peerConnections = [];
const Connection = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Connection {
  constructor(configuration) {
    super(configuration);
    window.peerConnections.push(this);
  }
};

export async function join({ url, token, roomName }) {
  const events = [];
  const client = await RheonClient.connect(url, token);
  client.on("state", (state) => events.push(`client ${state}`));
  client.on("closed", (reason) => events.push(`closed ${reason?.reason}`));
  const room = await client.join(roomName);
  room.on("left", (reason) => events.push(`left ${reason?.reason}`));
  room.on("error", ({ reason, message }) => events.push(`error ${reason}: ${message}`));
  room.on("track-muted", ({ participant, kind, muted }) => {
    events.push(`${participant.username} ${muted ? "mutes" : "unmutes"} ${kind}`);
  });
  const video = { width: 320, height: 180, frameRate: 10 };
  await room.publish(await navigator.mediaDevices.getUserMedia({ audio: true, video }));
  window.call = { client, room, events };
}

/** Frames per second received from every participant since the last call, by user name. */
export async function frameRates() {
  const { room } = window.call;
  const { remote } = await room.stats();
  return Object.fromEntries(
    [...room.participants.values()].map(({ userId, username }) => [username, remote.get(userId)?.framesPerSecond ?? 0]),
  );
}

/** Which kinds every participant has muted, by user name. */
export function muted() {
  const kinds = ["audio", "video"];
  return Object.fromEntries(
    [...window.call.room.participants.values()].map((participant) => [
      participant.username,
      kinds.filter((kind) => participant.isMuted(kind)),
    ]),
  );
}

/** Publishes something else in place of what was published. */
export async function publishAgain(constraints) {
  await window.call.room.publish(await navigator.mediaDevices.getUserMedia(constraints));
}

/** Leaves, and joins again before the server has answered. */
export async function comeAgain() {
  const { client, room } = window.call;
  const stream = room.localStream;
  room.leave();
  window.call.room = await client.join(room.name);
  await window.call.room.publish(stream);
}

/** Everything one wants to know when something is missing. */
export async function describe() {
  const { client, room, events } = window.call;
  const participants = [...room.participants.values()].map(({ username, publishing, connectionState, stream }) => ({
    username,
    publishing,
    connectionState,
    tracks: stream.getTracks().map(({ kind, readyState, muted }) => `${kind} ${readyState}${muted ? " muted" : ""}`),
  }));
  const { local, remote } = await room.stats();
  return { client: client.state, room: room.state, events, participants, local, remote: Object.fromEntries(remote) };
}

/** How many connections bring us media: those with an inbound stream. */
export function connections() {
  return window.peerConnections.filter((pc) => pc.connectionState === "connected" && pc.getReceivers().some(
    ({ track }) => track.readyState === "live" && pc.getSenders().every((sender) => !sender.track),
  )).length;
}
