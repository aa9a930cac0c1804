import { backoffDelay, MAX_ATTEMPTS } from "./backoff.js";
import { RheonError } from "./errors.js";
import { Emitter } from "./events.js";
import { Publisher } from "./publisher.js";
import { StatsMeter } from "./stats.js";

/**
 * Keeps one stream published: makes its connection, and makes it again when it fails or the server could not.
 *
 * @extends {Emitter<{state: RTCPeerConnectionState, published: undefined, error: RheonError}>}
 */
export class Publishing extends Emitter {
  #send;
  #channels;
  /** @type {Publisher | null} */
  #publisher = null;
  #meter = new StatsMeter();
  #attempt = 0;
  #published = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  #closed = false;

  /**
   * @param {MediaStream} stream
   * @param {ReadonlySet<import("./data.js").DataChannel>} channels opened on every connection
   * @param {(offer: string) => void} send sends an offer to the server
   */
  constructor(stream, channels, send) {
    super();
    this.stream = stream;
    this.#channels = channels;
    this.#send = send;
  }

  /**
   * Publishes for the first time. Where the server cannot just now, that is reported as an `error` event and tried
   * again.
   *
   * @returns {Promise<void>}
   * @throws {RheonError} where trying again cannot help
   */
  async start() {
    try {
      await this.#connect();
    } catch (error) {
      if (!(error instanceof RheonError)) throw error;
      if (error.reason === "closed") {
        if (this.#closed) throw error;
        return; // a reconnect began again in the meantime
      }
      if (!error.retryable) throw error;
      this.emit("error", error);
      this.#later();
    }
  }

  /** Publishes again: the server forgot us. */
  restart() {
    this.#drop();
    this.#attempt = 0;
    this.#later();
  }

  /** Whether the server has accepted what is published now. */
  get published() {
    return this.#published;
  }

  /** @param {string} sdp */
  handleAnswer(sdp) {
    void this.#publisher?.handleAnswer(sdp);
  }

  /** @param {import("./messages.js").WireCandidate} candidate */
  handleCandidate(candidate) {
    void this.#publisher?.handleCandidate(candidate);
  }

  /** @param {RheonError} error */
  handleError(error) {
    const answered = this.#publisher?.handleError(error);
    if (!answered && error.retryable) this.#later(); // what was published is lost: its media node is gone
  }

  /**
   * Opens a channel that has just been added to the set.
   *
   * @param {import("./data.js").DataChannel} channel
   */
  openData(channel) {
    this.#publisher?.openData(channel);
  }

  /** @returns {Promise<import("./stats.js").MediaStats | null>} null: no media is sent */
  async stats() {
    if (!this.#publisher || this.stream.getTracks().length === 0) return null;
    return this.#meter.update(await this.#publisher.getStats(), "outbound");
  }

  close() {
    this.#closed = true;
    this.#drop();
  }

  async #connect() {
    this.#drop();
    const publisher = new Publisher(this.stream, this.#channels, this.#send);
    this.#publisher = publisher;
    this.#meter = new StatsMeter();
    publisher.on("state", (state) => {
      if (state === "connected") this.#attempt = 0;
      if (state === "failed") this.#later();
      this.emit("state", state);
    });
    publisher.on("error", (error) => {
      this.emit("error", error);
      if (error.retryable) this.#later();
    });
    await publisher.start();
    this.#published = true;
    this.emit("published", undefined);
  }

  #later() {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#again(), backoffDelay(this.#attempt++));
  }

  async #again() {
    try {
      await this.#connect();
    } catch (error) {
      if (!(error instanceof RheonError) || error.reason === "closed") return;
      if (error.retryable && this.#attempt < MAX_ATTEMPTS) this.#later();
      else this.emit("error", error);
    }
  }

  #drop() {
    clearTimeout(this.#retry);
    this.#publisher?.close();
    this.#publisher = null;
    this.#published = false;
    for (const channel of this.#channels) channel.detach();
  }
}
