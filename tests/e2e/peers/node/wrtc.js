// libwebrtc without a browser: a synthetic picture and a tone out, decoded frames and sound counted in.
import wrtc from "@roamhq/wrtc";
import { answerWith, startSfuClient } from "./participant.js";

const { MediaStream, RTCPeerConnection } = wrtc;
const { RTCAudioSink, RTCAudioSource, RTCVideoSink, RTCVideoSource } = wrtc.nonstandard;

const WIDTH = 320;
const HEIGHT = 180;
const FRAME_INTERVAL_MS = 100;
const SAMPLE_RATE = 48000;
const BLOCK = SAMPLE_RATE / 100; // what the audio source takes: 10 ms

const counts = { framesSent: 0, framesReceived: 0, audioReceived: 0, audioHeard: 0 };
const sinks = []; // kept: a collected sink counts no more

/** Calls `step` as often as the clock says, whatever the delay of timers. */
function atPace(intervalMs, step) {
  const start = performance.now();
  let done = 0;
  setInterval(() => {
    for (; done * intervalMs < performance.now() - start; done++) step(done);
  }, intervalMs);
}

function picture(source) {
  atPace(FRAME_INTERVAL_MS, (number) => {
    const data = new Uint8ClampedArray((WIDTH * HEIGHT * 3) / 2).fill(128);
    data.fill(16 + (number % 200), 0, WIDTH * HEIGHT);
    source.onFrame({ width: WIDTH, height: HEIGHT, data });
  });
  return source.createTrack();
}

function tone(source) {
  atPace(10, (number) => {
    const wave = (_, i) => 8000 * Math.sin((2 * Math.PI * 440 * (number * BLOCK + i)) / SAMPLE_RATE);
    const samples = Int16Array.from({ length: BLOCK }, wave);
    source.onData({ samples, sampleRate: SAMPLE_RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: BLOCK });
  });
  return source.createTrack();
}

function onTrack(_publisherId, { track }) {
  if (track.kind === "video") {
    const sink = new RTCVideoSink(track);
    sink.onframe = () => counts.framesReceived++;
    sinks.push(sink);
  } else {
    const sink = new RTCAudioSink(track);
    sink.ondata = ({ samples, numberOfFrames, sampleRate }) => {
      counts.audioReceived += numberOfFrames / sampleRate;
      for (let i = 0; i < samples.length; i += 16) counts.audioHeard += Math.abs(samples[i]) / 32768;
    };
    sinks.push(sink);
  }
}

/** One value of this name in the connection's statistics. */
async function statistic(connection, type, name, kind) {
  for (const entry of (await connection.getStats()).values()) {
    if (entry.type === type && (!kind || entry.kind === kind)) return entry[name];
  }
  return null;
}

const stream = new MediaStream([tone(new RTCAudioSource()), picture(new RTCVideoSource())]);
const { pc, subscribers } = await startSfuClient(RTCPeerConnection, { stream, onTrack });

answerWith(async () => {
  const connections = [pc, ...subscribers.values()];
  const ciphers = await Promise.all(connections.map((each) => statistic(each, "transport", "srtpCipher")));
  const framesSent = (await statistic(pc, "outbound-rtp", "framesSent", "video")) ?? 0;
  return { ...counts, framesSent, ciphers };
});
