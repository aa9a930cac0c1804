import { receiveData } from "./data.js";
import { RheonError } from "./errors.js";
import { Emitter } from "./events.js";
import { candidateInit } from "./messages.js";
import { isNewSession, sessionIdentity } from "./session.js";

/**
 * A subscribe connection: the server offers, we answer. Offers are handled one after the other. An
 * offer of another session than the last one means that the server made a fresh connection, and so do we.
 *
 * @extends {Emitter<{
 *   state: RTCPeerConnectionState,
 *   track: MediaStreamTrack,
 *   "track-removed": MediaStreamTrack,
 *   data: {label: string, data: import("./data.js").Data},
 *   error: RheonError,
 * }>}
 */
export class Subscriber extends Emitter {
  #sendAnswer;
  /** @type {RTCPeerConnection | null} */
  #pc = null;
  /** @type {import("./session.js").SessionIdentity | null} */
  #session = null;
  #closed = false;
  /** @type {Promise<void>} */
  #queue = Promise.resolve();
  /** @type {Set<MediaStreamTrack>} */
  #tracks = new Set();

  /** @param {(answer: string) => void} sendAnswer */
  constructor(sendAnswer) {
    super();
    this.#sendAnswer = sendAnswer;
  }

  /** @returns {RTCPeerConnectionState} */
  get state() {
    return this.#pc?.connectionState ?? "new";
  }

  /**
   * @param {string} sdp
   * @returns {Promise<void>} once it is answered, or has failed
   */
  handleOffer(sdp) {
    this.#queue = this.#queue.then(() => this.#answer(sdp)).catch((error) => {
      if (!this.#closed) this.emit("error", new RheonError("webrtc", `The browser refused the server's offer: ${error}`));
    });
    return this.#queue;
  }

  /**
   * @param {string} mid
   * @returns {MediaStreamTrack | undefined} what arrives in a section
   */
  trackOf(mid) {
    return this.#pc?.getTransceivers().find((transceiver) => transceiver.mid === mid)?.receiver.track;
  }

  /** @param {import("./messages.js").WireCandidate} candidate */
  handleCandidate(candidate) {
    // Behind the offer it belongs to; one useless candidate harms nothing.
    this.#queue = this.#queue.then(() => this.#pc?.addIceCandidate(candidateInit(candidate))).catch(() => {});
  }

  /** @returns {Promise<RTCStatsReport | null>} */
  async getStats() {
    return this.#pc ? this.#pc.getStats() : null;
  }

  close() {
    this.#closed = true;
    this.#drop();
  }

  /** @param {string} sdp */
  async #answer(sdp) {
    if (this.#closed) return;
    const session = sessionIdentity(sdp);
    if (this.#session && isNewSession(this.#session, session)) this.#drop();
    this.#session = session;
    this.#pc ??= this.#connection();
    const pc = this.#pc;
    await pc.setRemoteDescription({ type: "offer", sdp });
    await pc.setLocalDescription();
    if (pc === this.#pc && pc.localDescription) this.#sendAnswer(pc.localDescription.sdp);
  }

  #connection() {
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    pc.onconnectionstatechange = () => this.emit("state", pc.connectionState);
    pc.ontrack = ({ track, streams }) => {
      this.#tracks.add(track);
      for (const stream of streams) stream.onremovetrack = (event) => this.#removed(event.track);
      this.emit("track", track);
    };
    pc.ondatachannel = ({ channel }) => receiveData(channel, (message) => this.emit("data", message));
    return pc;
  }

  #drop() {
    const pc = this.#pc;
    this.#pc = null;
    this.#session = null;
    if (pc) {
      pc.onconnectionstatechange = pc.ontrack = pc.ondatachannel = null;
      pc.close();
    }
    for (const track of [...this.#tracks]) this.#removed(track);
  }

  /** @param {MediaStreamTrack} track */
  #removed(track) {
    if (this.#tracks.delete(track)) this.emit("track-removed", track);
  }
}
