// libdatachannel (C++), without codecs: it publishes, packet for packet, what it receives of the first other publisher,
// and hands requests for key frames on to it. Its API is its own, so it speaks the protocol itself.
import libdatachannel from "node-datachannel";
import WebSocket from "ws";
import { answerWith, options } from "./participant.js";

const { Audio, PeerConnection, RtcpReceivingSession, Video } = libdatachannel;
const CONFIGURATION = { iceServers: [], forceMediaTransport: true };
const OPUS_PACKET_SECONDS = 0.02;
const OPUS = 111;
const VP8 = 96;

const counts = { framesSent: 0, framesReceived: 0, audioReceived: 0, keyFramesAskedFor: 0 };
const states = new Map();
const kept = []; // tracks and connections live as long as somebody holds them
let camera; // the track on which the other publisher's picture arrives

const ws = new WebSocket(options.url);
const { roomName } = options;
const send = (message) => ws.send(JSON.stringify(message));

/** A connection that sends its description with `describe` and its candidates as the messages of this type. */
function connection(name, describe, candidateType, fields) {
  const pc = new PeerConnection(name, CONFIGURATION);
  pc.onLocalDescription(describe);
  pc.onLocalCandidate((candidate) => send({ type: candidateType, roomName, ...fields, candidate }));
  pc.onStateChange((state) => states.set(name, state));
  kept.push(pc);
  return pc;
}

function media(Kind, mid, payloadType, ssrc) {
  const description = new Kind(mid, "SendOnly");
  if (Kind === Audio) description.addOpusCodec(payloadType);
  else description.addVP8Codec(payloadType);
  description.addSSRC(ssrc, "libdatachannel", "stream", mid);
  return { track: publisher.addTrack(description), payloadType, ssrc };
}

/** The packet's payload under a header of ours: no contributing sources, no extensions. */
function withOurHeader(packet, { payloadType, ssrc }) {
  let start = 12 + 4 * (packet[0] & 0x0f);
  if (packet[0] & 0x10) start += 4 + 4 * packet.readUInt16BE(start + 2);
  const header = Buffer.from(packet.subarray(0, 12));
  header[0] = 0x80 | (packet[0] & 0x20); // padding, if any, stays at the end
  header[1] = (packet[1] & 0x80) | payloadType;
  header.writeUInt32BE(ssrc, 8);
  return Buffer.concat([header, packet.subarray(start)]);
}

/** Whether an RTCP compound packet asks for a key frame (RFC 4585 section 6.3.1). */
function asksForKeyFrame(compound) {
  for (let at = 0; at + 4 <= compound.length; at += 4 + 4 * compound.readUInt16BE(at + 2)) {
    if ((compound[at] & 0x1f) === 1 && compound[at + 1] === 206) return true;
  }
  return false;
}

function receive(track, primary) {
  track.setMediaHandler(new RtcpReceivingSession()); // reports, and keeps RTCP from us
  if (track.type() === "video") camera = track;
  track.onMessage((packet) => {
    if ((packet[1] & 0x7f) !== primary.get(track.mid())) return; // a retransmission
    const marker = packet[1] & 0x80;
    if (track.type() === "video" && marker) counts.framesReceived++;
    if (track.type() === "audio") counts.audioReceived += OPUS_PACKET_SECONDS;
    const out = published[track.type()];
    if (!out.track.isOpen() || !out.track.sendMessageBinary(withOurHeader(packet, out))) return;
    if (track.type() === "video" && marker) counts.framesSent++;
  });
  kept.push(track);
}

/** The first payload type of each section of an offer, by its mid. */
function primaryPayloadTypes(offer) {
  const sections = offer.split(/^m=/m).slice(1);
  return new Map(sections.map((each) => [/^a=mid:(\S+)/m.exec(each)[1], Number(each.split(/\s+/)[3])]));
}

function subscribe({ publisherId, offer }) {
  const describe = (answer) => send({ type: "subscribe-answer", roomName, publisherId, answer });
  const viewer = connection(`viewer ${publisherId}`, describe, "subscribe-ice-candidate", { publisherId });
  viewer.onTrack((track) => receive(track, primaryPayloadTypes(offer)));
  viewer.setRemoteDescription(offer, "offer");
}

const describe = (offer) => send({ type: "publish-offer", roomName, offer });
const publisher = connection("publisher", describe, "publish-ice-candidate", {});
const published = { audio: media(Audio, "0", OPUS, 0x10001), video: media(Video, "1", VP8, 0x10002) };
published.video.track.onMessage((compound) => {
  if (!asksForKeyFrame(compound)) return;
  counts.keyFramesAskedFor++;
  camera?.requestKeyframe();
});

ws.on("open", () => {
  send({ type: "auth", token: options.token });
  publisher.setLocalDescription();
});
ws.on("message", (text) => {
  const message = JSON.parse(text);
  if (message.type === "publish-answer") publisher.setRemoteDescription(message.answer, "answer");
  else if (message.type === "new-publisher" && !camera) {
    send({ type: "subscribe-request", roomName, publisherId: message.publisherId });
  } else if (message.type === "subscribe-offer") subscribe(message);
  else if (message.type === "error") console.error(message);
});

answerWith(() => ({ ...counts, states: [...states.values()] }));
