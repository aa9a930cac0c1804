// What the tests of changes and of bad networks do in a page that participant.js started.
import { report } from "./participant.js";

const VIDEO = { width: 320, height: 180, frameRate: 10 };
const SAMPLE_INTERVAL = 100;

const isVideo = (type) => (entry) => entry.type === type && entry.kind === "video";

/** Counts the frames that come out of the decoder (of `publisherId`), or that are sent, by mid, from now on. */
export function watchFrames(publisherId) {
  const samples = [];
  window.trouble = { samples, stopped: false };
  const [type, counter] = publisherId ? ["inbound-rtp", "framesDecoded"] : ["outbound-rtp", "framesSent"];
  const watch = async () => {
    const { pc, subscribers } = window.participant;
    const connection = publisherId ? subscribers.get(publisherId) : pc;
    const entries = connection ? (await report(connection)).filter(isVideo(type)) : [];
    const frames = Object.fromEntries(entries.map((entry) => [entry.mid, entry[counter] ?? 0]));
    samples.push({ at: entries[0]?.timestamp ?? performance.timeOrigin + performance.now(), frames });
    if (!window.trouble.stopped) setTimeout(watch, SAMPLE_INTERVAL);
  };
  void watch();
}

export function stopWatching() {
  window.trouble.stopped = true;
  return window.trouble.samples;
}

async function offer(roomName, options) {
  const { pc, ws } = window.participant;
  await pc.setLocalDescription(await pc.createOffer(options));
  ws.send(JSON.stringify({ type: "publish-offer", roomName, offer: pc.localDescription.sdp }));
}

async function camera() {
  const [track] = (await navigator.mediaDevices.getUserMedia({ video: VIDEO })).getVideoTracks();
  return track;
}

const sending = () => window.participant.pc.getSenders().filter(({ track }) => track?.kind === "video");

/** One more camera. */
export async function addCamera(roomName) {
  window.participant.pc.addTrack(await camera(), window.participant.stream);
  await offer(roomName);
}

/** The first camera goes; the others stay. */
export async function removeFirstCamera(roomName) {
  window.participant.pc.removeTrack(sending()[0]);
  await offer(roomName);
}

/** Another camera in the place of the first, in the same section, without a word to the server. */
export async function replaceFirstCamera() {
  const [sender] = sending();
  const former = sender.track;
  await sender.replaceTrack(await camera());
  former.stop();
}

/** The first camera's section ends for good and another camera begins, in one offer. */
export async function exchangeFirstCamera(roomName) {
  const { pc, stream } = window.participant;
  const [first] = sending();
  pc.getTransceivers().find(({ sender }) => sender === first).stop();
  pc.addTrack(await camera(), stream);
  await offer(roomName);
}

export const restartPublishing = (roomName) => offer(roomName, { iceRestart: true });

export function restartSubscription(roomName, publisherId) {
  window.participant.ws.send(JSON.stringify({ type: "restart-ice", roomName, publisherId }));
}

/** User fragments of both ends of the publish connection, or of the one that brings `publisherId`. */
export function fragments(publisherId) {
  const { pc, subscribers } = window.participant;
  const { currentLocalDescription, currentRemoteDescription } = publisherId ? subscribers.get(publisherId) : pc;
  return [currentLocalDescription, currentRemoteDescription].map(({ sdp }) => sdp.match(/a=ice-ufrag:(\S+)/)[1]);
}
