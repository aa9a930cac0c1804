import { backoffDelay, MAX_ATTEMPTS } from "./backoff.js";
import { Emitter } from "./events.js";
import { StatsMeter } from "./stats.js";
import { Subscriber } from "./subscriber.js";

const OFFER_TIMEOUT_MS = 15_000;

/** @typedef {Extract<import("./messages.js").RoomMessage, {type: "subscribe-offer"}>} SubscribeOffer */

/** One publisher on the shared connection. */
class Publisher {
  /** @type {RTCPeerConnectionState} what was last told about it */
  state = "new";
  meter = new StatsMeter();
  attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer;
}

/**
 * Keeps us subscribed to several publishers over one connection. Publishers come and go on it; a connection that fails
 * is made again with all of them.
 *
 * @extends {Emitter<import("./receiving.js").ReceivingEvents>}
 */
export class SharedSubscription extends Emitter {
  #request;
  #answer;
  #forget;
  /** @type {Map<number, Publisher>} by user id */
  #publishers = new Map();
  /** @type {{id: string, subscriber: Subscriber} | null} */
  #connection = null;
  /** @type {Map<string, number>} who is in which section, by mid */
  #sections = new Map();
  /** @type {Map<MediaStreamTrack, number>} whose the tracks are */
  #owners = new Map();
  #attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {(publisherId: number) => void} request asks the server for a publisher
   * @param {(connectionId: string, answer: string) => void} answer sends an answer to the server
   * @param {() => void} forget tells the server to close the connection
   */
  constructor(request, answer, forget) {
    super();
    this.#request = request;
    this.#answer = answer;
    this.#forget = forget;
  }

  /** @param {number} publisherId */
  add(publisherId) {
    this.remove(publisherId);
    this.#publishers.set(publisherId, new Publisher());
    this.#ask(publisherId);
  }

  /**
   * The publisher is gone, and the server knows.
   *
   * @param {number} publisherId
   */
  remove(publisherId) {
    clearTimeout(this.#publishers.get(publisherId)?.timer);
    this.#publishers.delete(publisherId);
    for (const [track, owner] of [...this.#owners]) if (owner === publisherId) this.#disown(track);
  }

  /**
   * Asks for one publisher again a little later, unless it failed too often; without one, for everybody over a fresh
   * connection.
   *
   * @param {number} [publisherId]
   */
  retry(publisherId) {
    if (publisherId === undefined) {
      this.#restart();
      return;
    }
    const publisher = this.#publishers.get(publisherId);
    if (!publisher || publisher.attempt >= MAX_ATTEMPTS) return;
    clearTimeout(publisher.timer);
    publisher.timer = setTimeout(() => this.#ask(publisherId), backoffDelay(publisher.attempt++));
  }

  /** @param {SubscribeOffer} message */
  handleOffer({ connectionId, offer, tracks }) {
    if (connectionId === undefined || tracks === undefined) return;
    const subscriber = this.#subscriberOf(connectionId);
    for (const publisher of this.#publishers.values()) clearTimeout(publisher.timer);
    void subscriber.handleOffer(offer).then(() => {
      if (subscriber === this.#connection?.subscriber) this.#assign(subscriber, tracks);
    });
  }

  /** @param {import("./messages.js").WireCandidate} candidate */
  handleCandidate(candidate) {
    this.#connection?.subscriber.handleCandidate(candidate);
  }

  /** @returns {Promise<Map<number, import("./stats.js").MediaStats>>} */
  async stats() {
    const stats = new Map();
    const report = await this.#connection?.subscriber.getStats();
    if (!report) return stats;
    for (const [publisherId, { meter }] of this.#publishers) {
      const own = new Map();
      report.forEach((entry, id) => {
        if (entry.type !== "inbound-rtp" || this.#sections.get(entry.mid) === publisherId) own.set(id, entry);
      });
      stats.set(publisherId, meter.update(own, "inbound"));
    }
    return stats;
  }

  /** Everybody is gone. */
  close() {
    clearTimeout(this.#timer);
    for (const publisherId of [...this.#publishers.keys()]) this.remove(publisherId);
    this.#drop();
  }

  /** @param {number} publisherId */
  #ask(publisherId) {
    const publisher = this.#publishers.get(publisherId);
    if (!publisher) return;
    this.#request(publisherId);
    publisher.timer = setTimeout(() => this.retry(publisherId), OFFER_TIMEOUT_MS);
  }

  #restart() {
    clearTimeout(this.#timer);
    if (this.#publishers.size === 0 || this.#attempt >= MAX_ATTEMPTS) return;
    this.#timer = setTimeout(() => {
      this.#drop();
      this.#forget();
      for (const publisherId of this.#publishers.keys()) this.#ask(publisherId);
    }, backoffDelay(this.#attempt++));
  }

  #drop() {
    const connection = this.#connection;
    this.#connection = null;
    this.#sections.clear();
    connection?.subscriber.close();
    for (const track of [...this.#owners.keys()]) this.#disown(track);
  }

  /** @param {string} id */
  #subscriberOf(id) {
    if (this.#connection?.id === id) return this.#connection.subscriber;
    this.#drop();
    const subscriber = new Subscriber((answer) => this.#answer(id, answer));
    this.#connection = { id, subscriber };
    subscriber.on("state", (state) => {
      if (state === "connected") this.#attempt = 0;
      if (state === "failed") this.#restart();
      this.#tellState();
    });
    subscriber.on("data", ({ label, data }) => this.#received(label, data));
    subscriber.on("error", (error) => this.emit("error", error));
    return subscriber;
  }

  /**
   * Gives every track to whom it belongs now. A section, and with it its track, may pass from one publisher to another.
   *
   * @param {Subscriber} subscriber
   * @param {NonNullable<SubscribeOffer["tracks"]>} sections
   */
  #assign(subscriber, sections) {
    this.#sections = new Map(sections.map(({ mid, publisherId }) => [mid, publisherId]));
    /** @type {Map<MediaStreamTrack, number>} */
    const owners = new Map();
    for (const [mid, publisherId] of this.#sections) {
      const track = subscriber.trackOf(mid);
      if (track && this.#publishers.has(publisherId)) owners.set(track, publisherId);
    }
    for (const [track, owner] of [...this.#owners]) if (owners.get(track) !== owner) this.#disown(track);
    for (const [track, publisherId] of owners) {
      if (this.#owners.has(track)) continue;
      this.#owners.set(track, publisherId);
      this.emit("track", { publisherId, track });
    }
    this.#tellState();
  }

  /** @param {MediaStreamTrack} track */
  #disown(track) {
    const publisherId = this.#owners.get(track);
    if (publisherId === undefined) return;
    this.#owners.delete(track);
    this.emit("track-removed", { publisherId, track });
  }

  #tellState() {
    const state = this.#connection?.subscriber.state ?? "new";
    for (const [publisherId, publisher] of [...this.#publishers]) {
      if (publisher.state === state) continue;
      publisher.state = state;
      this.emit("state", { publisherId, state });
    }
  }

  /**
   * On a shared connection the server puts the publisher before the label: `7/chat`.
   *
   * @param {string} label
   * @param {import("./data.js").Data} data
   */
  #received(label, data) {
    const slash = label.indexOf("/");
    const publisherId = Number(label.slice(0, slash));
    if (this.#publishers.has(publisherId)) this.emit("data", { publisherId, label: label.slice(slash + 1), data });
  }
}
