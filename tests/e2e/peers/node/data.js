// Data channels of any of these implementations: opens one, sends when told to, keeps what comes on those of others.
import { answerWith, options, startSfuClient } from "./participant.js";

const PACKAGES = {
  wrtc: async () => (await import("@roamhq/wrtc")).default,
  werift: () => import("werift"),
  "node-datachannel": () => import("node-datachannel/polyfill"),
};
const { RTCPeerConnection } = await PACKAGES[options.implementation]();

const received = {}; // by label: {texts, binary: lengths, damaged}

/** Bytes whose every position is told from its neighbours. */
const pattern = (length) => Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) % 251);

function receive(channel) {
  const inbox = (received[channel.label] = { texts: [], binary: [], damaged: 0 });
  channel.binaryType = "arraybuffer";
  channel.onmessage = ({ data }) => {
    if (typeof data === "string") {
      inbox.texts.push(Number(data));
      return;
    }
    const bytes = new Uint8Array(data);
    inbox.binary.push(bytes.length);
    if (!Buffer.from(bytes).equals(Buffer.from(pattern(bytes.length)))) inbox.damaged++;
  };
}

function Connection(configuration) {
  const pc = new RTCPeerConnection(configuration);
  pc.ondatachannel = ({ channel }) => receive(channel);
  return pc;
}

let channel;
const stream = {
  getTracks() { // asked for right before the offer; libdatachannel would begin to negotiate on its own before
    channel = pc.createDataChannel(options.implementation);
    return [];
  },
};
const { pc } = await startSfuClient(Connection, { stream, onTrack() {} });

answerWith((command) => {
  if (command) {
    const { texts, binary } = JSON.parse(command);
    for (const length of binary) channel.send(pattern(length));
    for (let number = 0; number < texts; number++) channel.send(String(number));
  }
  return { state: channel?.readyState, received };
});
