// What the tests do in a page: run a client from clients/ unchanged, keep what it received, read its statistics.
import { startSfuClient } from "/clients/sfu-client.js";

const VIDEO = { width: 320, height: 180, frameRate: 10 };

/** Publishes and, if `views`, plays what others publish; keeps the messages the server sent. */
export async function startSfu({ url, token, roomName, views, video = VIDEO }) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video });
  const messages = [];
  const firstFrames = new Map();
  const onTrack = (publisherId, { track }) => {
    const element = document.createElement(track.kind);
    element.srcObject = new MediaStream([track]);
    element.autoplay = true;
    if (track.kind === "video") element.requestVideoFrameCallback(() => firstFrames.set(publisherId, performance.now()));
    document.body.append(element);
  };
  const client = startSfuClient({ url, token, roomName, stream, onTrack: views ? onTrack : undefined });
  client.ws.addEventListener("message", ({ data }) => messages.push({ ...JSON.parse(data), at: performance.now() }));
  window.participant = { ...client, stream, messages, firstFrames };
}

/** A snapshot: the publish connection's statistics, and each subscription's by publisher id. */
export async function stats() {
  const { pc, subscribers } = window.participant;
  const received = {};
  for (const [publisherId, viewer] of subscribers) received[publisherId] = await report(viewer);
  return { published: await report(pc), received };
}

export async function report(pc) {
  return [...(await pc.getStats()).values()];
}

/** Offers again on the publish connection after `change` (add a second camera, stop the first, restart ICE). */
export async function republish(roomName, change) {
  const { pc, ws, stream } = window.participant;
  const [camera] = pc.getSenders().filter(({ track }) => track?.kind === "video");
  if (change === "add") {
    const second = await navigator.mediaDevices.getUserMedia({ video: VIDEO });
    pc.addTrack(second.getVideoTracks()[0], stream);
  } else if (change === "remove") {
    pc.removeTrack(camera);
  } else {
    pc.restartIce();
  }
  await pc.setLocalDescription();
  ws.send(JSON.stringify({ type: "publish-offer", roomName, offer: pc.localDescription.sdp }));
}
