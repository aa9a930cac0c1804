import { RheonError } from "./errors.js";
import { Emitter } from "./events.js";
import { candidateInit } from "./messages.js";
import { encodingsOf } from "./simulcast.js";

const ANSWER_TIMEOUT_MS = 15_000;

/**
 * The publish connection of one room: we offer, the server answers.
 *
 * Our own candidates are not sent: the server is ICE-lite (RFC 8445 section 2.5), it learns where we are from our
 * connectivity checks.
 *
 * @extends {Emitter<{state: RTCPeerConnectionState, error: RheonError}>}
 */
export class Publisher extends Emitter {
  #pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  #send;
  /** @type {{resolve: () => void, reject: (error: RheonError) => void} | null} */
  #pending = null;

  /**
   * @param {MediaStream} stream
   * @param {Iterable<import("./data.js").DataChannel>} channels
   * @param {(offer: string) => void} send sends the offer to the server
   */
  constructor(stream, channels, send) {
    super();
    this.#send = send;
    for (const track of stream.getTracks()) {
      this.#pc.addTransceiver(track, { direction: "sendonly", streams: [stream], sendEncodings: encodingsOf(track) });
    }
    for (const channel of channels) channel.attach(this.#pc);
    this.#pc.onconnectionstatechange = () => this.emit("state", this.#pc.connectionState);
  }

  get state() {
    return this.#pc.connectionState;
  }

  /**
   * Offers the tracks; resolves once the server's answer is in place.
   *
   * @returns {Promise<void>}
   * @throws {RheonError}
   */
  async start() {
    try {
      await this.#pc.setLocalDescription();
    } catch (error) {
      throw new RheonError("webrtc", `The browser cannot offer these tracks: ${error}`);
    }
    if (this.#pc.signalingState === "closed") throw new RheonError("closed", "Publishing was stopped.");
    const timer = setTimeout(() => {
      this.handleError(new RheonError("timeout", "The server did not answer the offer."));
    }, ANSWER_TIMEOUT_MS);
    try {
      await new Promise((/** @type {(value: void) => void} */ resolve, reject) => {
        this.#pending = { resolve, reject };
        this.#send(this.#pc.localDescription?.sdp ?? "");
      });
    } finally {
      clearTimeout(timer);
    }
    // From here on the browser says when something has to be negotiated: the first data channel.
    this.#pc.onnegotiationneeded = () => {
      this.start().catch((error) => {
        if (error instanceof RheonError && error.reason !== "closed") this.emit("error", error);
      });
    };
  }

  /** @param {import("./data.js").DataChannel} channel */
  openData(channel) {
    channel.attach(this.#pc);
  }

  /** @param {string} sdp */
  async handleAnswer(sdp) {
    const pending = this.#pending;
    if (!pending || this.#pc.signalingState !== "have-local-offer") return; // belongs to a connection replaced since
    this.#pending = null;
    try {
      await this.#pc.setRemoteDescription({ type: "answer", sdp });
      pending.resolve();
    } catch (error) {
      pending.reject(new RheonError("webrtc", `The browser refused the server's answer: ${error}`));
    }
  }

  /**
   * @param {RheonError} error
   * @returns {boolean} whether it answers our offer
   */
  handleError(error) {
    const pending = this.#pending;
    this.#pending = null;
    pending?.reject(error);
    return pending !== null;
  }

  /** @param {import("./messages.js").WireCandidate} candidate */
  async handleCandidate(candidate) {
    await this.#pc.addIceCandidate(candidateInit(candidate)).catch(() => {}); // one useless candidate harms nothing
  }

  /** @returns {Promise<RTCStatsReport>} */
  getStats() {
    return this.#pc.getStats();
  }

  close() {
    this.#pc.onconnectionstatechange = this.#pc.onnegotiationneeded = null;
    this.#pc.close();
    this.handleError(new RheonError("closed", "Publishing was stopped."));
  }
}
