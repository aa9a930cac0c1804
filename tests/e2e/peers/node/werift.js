// A WebRTC stack in TypeScript, without codecs: it publishes, packet for packet, what it receives of the first other
// publisher, and hands requests for key frames on to it.
import { MediaStream, MediaStreamTrack, RTCPeerConnection } from "werift";
import { answerWith, startSfuClient } from "./participant.js";

const OPUS_PACKET_SECONDS = 0.02;

const counts = { framesSent: 0, framesReceived: 0, audioReceived: 0, packetsSent: 0, keyFramesAskedFor: 0 };
const published = { audio: new MediaStreamTrack({ kind: "audio" }), video: new MediaStreamTrack({ kind: "video" }) };
let source; // the publisher whose media is published again
let camera; // what is received of its picture: {receiver, ssrc}

function onTrack(publisherId, { track, receiver }) {
  source ??= publisherId;
  if (publisherId !== source) return;
  track.onReceiveRtp.subscribe((packet) => {
    const { marker, ssrc } = packet.header;
    if (track.kind === "video") {
      camera = { receiver, ssrc };
      if (marker) counts.framesReceived++;
    } else {
      counts.audioReceived += OPUS_PACKET_SECONDS;
    }
    if (pc.connectionState !== "connected") return;
    published[track.kind].writeRtp(packet.clone());
    counts.packetsSent++;
    if (track.kind === "video" && marker) counts.framesSent++;
  });
}

const stream = new MediaStream(Object.values(published));
const { pc, subscribers } = await startSfuClient(RTCPeerConnection, { stream, onTrack });

pc.onTransceiverAdded.subscribe(({ kind, sender }) => {
  if (kind !== "video") return;
  sender.onPictureLossIndication.subscribe(() => {
    counts.keyFramesAskedFor++;
    camera?.receiver.sendRtcpPLI(camera.ssrc);
  });
});

answerWith(() => ({ ...counts, states: [pc, ...subscribers.values()].map(({ connectionState }) => connectionState) }));
