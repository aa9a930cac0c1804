import { Emitter } from "./events.js";
import { SharedSubscription } from "./shared.js";
import { Subscription } from "./subscription.js";

/**
 * What receiving tells, by publisher.
 *
 * @typedef {{
 *   state: {publisherId: number, state: RTCPeerConnectionState},
 *   track: {publisherId: number, track: MediaStreamTrack},
 *   "track-removed": {publisherId: number, track: MediaStreamTrack},
 *   data: {publisherId: number, label: string, data: import("./data.js").Data},
 *   error: import("./errors.js").RheonError,
 * }} ReceivingEvents
 */

/**
 * Everything we receive in one room: over one connection where the server grants it, over one for each publisher
 * otherwise.
 *
 * @extends {Emitter<ReceivingEvents>}
 */
export class Receiving extends Emitter {
  #roomName;
  #send;
  #isShared;
  /** @type {Map<number, Subscription>} by publisher id */
  #separate = new Map();
  /** @type {SharedSubscription | null} */
  #shared = null;

  /**
   * @param {string} roomName
   * @param {(message: import("./messages.js").ClientMessage) => void} send
   * @param {() => boolean} isShared whether the server grants one connection for all
   */
  constructor(roomName, send, isShared) {
    super();
    this.#roomName = roomName;
    this.#send = send;
    this.#isShared = isShared;
  }

  /**
   * Receives a publisher from now on.
   *
   * @param {number} publisherId
   */
  add(publisherId) {
    if (this.#isShared()) {
      this.#shared ??= this.#makeShared();
      this.#shared.add(publisherId);
    } else {
      this.remove(publisherId);
      this.#separate.set(publisherId, this.#makeSeparate(publisherId));
    }
  }

  /**
   * The publisher is gone.
   *
   * @param {number} publisherId
   */
  remove(publisherId) {
    this.#shared?.remove(publisherId);
    this.#separate.get(publisherId)?.close();
    this.#separate.delete(publisherId);
  }

  /** The server has forgotten everything. */
  clear() {
    for (const publisherId of [...this.#separate.keys()]) this.remove(publisherId);
    this.#shared?.close();
    this.#shared = null;
  }

  /** @param {Extract<import("./messages.js").RoomMessage, {type: "subscribe-offer"}>} message */
  handleOffer(message) {
    if (message.publisherId === undefined) this.#shared?.handleOffer(message);
    else this.#separate.get(message.publisherId)?.handleOffer(message.offer);
  }

  /** @param {Extract<import("./messages.js").RoomMessage, {type: "subscribe-ice-candidate"}>} message */
  handleCandidate({ publisherId, candidate }) {
    if (!candidate) return;
    if (publisherId === undefined) this.#shared?.handleCandidate(candidate);
    else this.#separate.get(publisherId)?.handleCandidate(candidate);
  }

  /**
   * The server could not do just now what we asked for.
   *
   * @param {number} [publisherId]
   */
  retry(publisherId) {
    this.#shared?.retry(publisherId);
    if (publisherId !== undefined) this.#separate.get(publisherId)?.retry();
  }

  /** @returns {Promise<Map<number, import("./stats.js").MediaStats>>} rates by publisher id */
  async stats() {
    const rates = (await this.#shared?.stats()) ?? new Map();
    for (const [publisherId, subscription] of [...this.#separate]) {
      const stats = await subscription.stats();
      if (stats) rates.set(publisherId, stats);
    }
    return rates;
  }

  #makeShared() {
    const roomName = this.#roomName;
    const shared = new SharedSubscription(
      (publisherId) => this.#send({ type: "subscribe-request", roomName, publisherId }),
      (connectionId, answer) => this.#send({ type: "subscribe-answer", roomName, connectionId, answer }),
      () => this.#send({ type: "unsubscribe", roomName }),
    );
    for (const name of /** @type {const} */ (["state", "track", "track-removed", "data", "error"])) {
      shared.on(name, (payload) => this.emit(name, payload));
    }
    return shared;
  }

  /** @param {number} publisherId */
  #makeSeparate(publisherId) {
    const roomName = this.#roomName;
    const subscription = new Subscription(
      () => this.#send({ type: "subscribe-request", roomName, publisherId }),
      (answer) => this.#send({ type: "subscribe-answer", roomName, publisherId, answer }),
    );
    subscription.on("track", (track) => this.emit("track", { publisherId, track }));
    subscription.on("track-removed", (track) => this.emit("track-removed", { publisherId, track }));
    subscription.on("state", (state) => this.emit("state", { publisherId, state }));
    subscription.on("data", (message) => this.emit("data", { publisherId, ...message }));
    subscription.on("error", (error) => this.emit("error", error));
    subscription.start();
    return subscription;
  }
}
