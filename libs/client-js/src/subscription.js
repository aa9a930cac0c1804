import { backoffDelay, MAX_ATTEMPTS } from "./backoff.js";
import { Emitter } from "./events.js";
import { StatsMeter } from "./stats.js";
import { Subscriber } from "./subscriber.js";

const OFFER_TIMEOUT_MS = 15_000;

/**
 * Keeps us subscribed to one publisher: asks for its offer, and asks again when there is none or the connection fails.
 *
 * @extends {Emitter<{
 *   state: RTCPeerConnectionState,
 *   track: MediaStreamTrack,
 *   "track-removed": MediaStreamTrack,
 *   data: {label: string, data: import("./data.js").Data},
 *   error: import("./errors.js").RheonError,
 * }>}
 */
export class Subscription extends Emitter {
  #request;
  #answer;
  #subscriber;
  #meter = new StatsMeter();
  #attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #closed = false;

  /**
   * @param {() => void} request asks the server for a fresh connection
   * @param {(answer: string) => void} answer sends an answer to the server
   */
  constructor(request, answer) {
    super();
    this.#request = request;
    this.#answer = answer;
    this.#subscriber = this.#makeSubscriber();
  }

  /** Asks for the publisher's tracks, over a fresh connection. */
  start() {
    this.#subscriber.close();
    this.#subscriber = this.#makeSubscriber();
    this.#meter = new StatsMeter();
    this.#request();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#subscriber.state === "new") this.retry();
    }, OFFER_TIMEOUT_MS);
  }

  /** Asks again a little later, unless it failed too often. */
  retry() {
    clearTimeout(this.#timer);
    if (this.#closed || this.#attempt >= MAX_ATTEMPTS) return;
    this.#timer = setTimeout(() => this.start(), backoffDelay(this.#attempt++));
  }

  /** @param {string} sdp */
  handleOffer(sdp) {
    this.#subscriber.handleOffer(sdp);
  }

  /** @param {import("./messages.js").WireCandidate} candidate */
  handleCandidate(candidate) {
    this.#subscriber.handleCandidate(candidate);
  }

  /** @returns {Promise<import("./stats.js").MediaStats | null>} */
  async stats() {
    const report = await this.#subscriber.getStats();
    return report && this.#meter.update(report, "inbound");
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#subscriber.close();
  }

  #makeSubscriber() {
    const subscriber = new Subscriber(this.#answer);
    subscriber.on("state", (state) => {
      if (state === "connected") this.#attempt = 0;
      if (state === "failed") this.retry();
      this.emit("state", state);
    });
    subscriber.on("track", (track) => this.emit("track", track));
    subscriber.on("track-removed", (track) => this.emit("track-removed", track));
    subscriber.on("data", (message) => this.emit("data", message));
    subscriber.on("error", (error) => this.emit("error", error));
    return subscriber;
  }
}
