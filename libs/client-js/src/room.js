import { backoffDelay } from "./backoff.js";
import { RheonError } from "./errors.js";
import { Emitter } from "./events.js";
import { Participant } from "./participant.js";
import { Publisher } from "./publisher.js";
import { StatsMeter } from "./stats.js";
import { Subscriber } from "./subscriber.js";

/**
 * @typedef {"joining" | "joined" | "left"} RoomState
 * @typedef {{subscriber: Subscriber, meter: StatsMeter, attempt: number,
 *   retry: ReturnType<typeof setTimeout> | undefined}} Subscription
 * @typedef {{local: import("./stats.js").MediaStats | null, remote: Map<number, import("./stats.js").MediaStats>}} RoomStats
 */

const JOIN_TIMEOUT_MS = 10_000;
const OFFER_TIMEOUT_MS = 15_000;
/** After so many failures in a row it is left to the next `new-publisher` or `publish` to begin again. */
const MAX_ATTEMPTS = 8;

/**
 * One room: who is in it, what we publish to it, and a subscription to everybody who publishes.
 *
 * @extends {Emitter<{
 *   state: RoomState,
 *   "participant-joined": Participant,
 *   "participant-changed": Participant,
 *   "participant-left": Participant,
 *   track: {participant: Participant, track: MediaStreamTrack},
 *   "track-removed": {participant: Participant, track: MediaStreamTrack},
 *   "publish-state": RTCPeerConnectionState,
 *   error: RheonError,
 *   left: RheonError | null,
 * }>}
 */
export class Room extends Emitter {
  /** @type {Map<number, Participant>} everybody else, by user id */
  participants = new Map();
  /** @type {MediaStream | null} what we publish */
  localStream = null;

  #send;
  /** @type {RoomState} */
  #state = "joining";
  /** @type {{resolve: () => void, reject: (error: RheonError) => void} | null} */
  #joining = null;
  /** @type {Publisher | null} */
  #publisher = null;
  #publisherMeter = new StatsMeter();
  #publishAttempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #publishRetry;
  /** @type {Map<number, Subscription>} by publisher id */
  #subscriptions = new Map();

  /**
   * @param {string} name
   * @param {import("./messages.js").User} self
   * @param {(message: import("./messages.js").ClientMessage) => void} send
   */
  constructor(name, self, send) {
    super();
    this.name = name;
    this.self = self;
    this.#send = send;
  }

  get state() {
    return this.#state;
  }

  /**
   * Asks to be let in. Called by the client.
   *
   * @returns {Promise<void>}
   * @throws {RheonError}
   */
  async join() {
    const timer = setTimeout(() => this.end(new RheonError("timeout", "The server did not answer.")), JOIN_TIMEOUT_MS);
    try {
      await new Promise((/** @type {(value: void) => void} */ resolve, reject) => {
        this.#joining = { resolve, reject };
        this.#send({ type: "join-room", roomName: this.name });
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Joins, publishes and subscribes again: the server forgot us when the old connection ended. */
  rejoin() {
    this.#closePublisher();
    this.#publishAttempt = 0;
    for (const userId of [...this.#subscriptions.keys()]) this.#unsubscribe(userId);
    this.#setState("joining");
    this.#send({ type: "join-room", roomName: this.name });
    if (this.localStream) this.#republish();
  }

  /**
   * Publishes every track of `stream`, in place of what was published before, and keeps it published: a connection
   * that fails is made again.
   *
   * @param {MediaStream} stream
   * @returns {Promise<void>} once the server has accepted it, or said that it cannot just now: that is reported as an
   *   `error` event, and tried again
   * @throws {RheonError} where trying again cannot help
   */
  async publish(stream) {
    if (this.#state === "left") throw new RheonError("closed", "You left the room.");
    this.localStream = stream;
    this.#publishAttempt = 0;
    try {
      await this.#startPublisher(stream);
    } catch (error) {
      // Stopped by another publish, or by a reconnect that publishes again on its own.
      if (this.#isStopped(error) && this.localStream) return;
      if (!(error instanceof RheonError) || !error.retryable) throw error;
      this.emit("error", error);
      this.#republish();
    }
  }

  /** Stops publishing; the tracks stay the caller's to stop. */
  unpublish() {
    if (!this.localStream) return;
    this.localStream = null;
    this.#closePublisher();
    this.#send({ type: "unpublish", roomName: this.name });
  }

  /**
   * Mutes or unmutes what we publish of one kind, here and at once: a disabled track sends silence or black frames.
   *
   * @param {"audio" | "video"} kind
   * @param {boolean} muted
   */
  setMuted(kind, muted) {
    for (const track of this.localStream?.getTracks() ?? []) if (track.kind === kind) track.enabled = !muted;
  }

  /** Leaves the room. */
  leave() {
    this.#send({ type: "leave-room", roomName: this.name });
    this.end(null);
  }

  /**
   * Rates since the last call, of what we send and of every publisher we receive.
   *
   * @returns {Promise<RoomStats>}
   */
  async stats() {
    const local = this.#publisher ? this.#publisherMeter.update(await this.#publisher.getStats(), "outbound") : null;
    const remote = new Map();
    for (const [userId, { subscriber, meter }] of [...this.#subscriptions]) {
      const report = await subscriber.getStats();
      if (report) remote.set(userId, meter.update(report, "inbound"));
    }
    return { local, remote };
  }

  /** @param {import("./messages.js").RoomMessage} message */
  handleMessage(message) {
    switch (message.type) {
      case "room-joined":
        this.#joined(message.participants);
        break;
      case "room-left":
        if (message.userId === this.self.userId) this.end(new RheonError("replaced", "You joined from somewhere else."));
        break;
      case "user-joined":
        this.#add(message.user).joined = true;
        break;
      case "user-left":
        this.#remove(message.userId);
        break;
      case "new-publisher":
        this.#published({ userId: message.publisherId, username: message.username });
        break;
      case "publisher-left":
        this.#unpublished(message.publisherId);
        break;
      case "publish-answer":
        void this.#publisher?.handleAnswer(message.answer);
        break;
      case "publish-ice-candidate":
        if (message.candidate) void this.#publisher?.handleCandidate(message.candidate);
        break;
      case "subscribe-offer":
        this.#subscriptions.get(message.publisherId)?.subscriber.handleOffer(message.offer);
        break;
      case "subscribe-ice-candidate":
        if (message.candidate) {
          this.#subscriptions.get(message.publisherId)?.subscriber.handleCandidate(message.candidate);
        }
        break;
    }
  }

  /**
   * @param {import("./messages.js").ServerError} message
   * @returns {boolean} whether the error was one of this room's requests
   */
  handleError(message) {
    const error = RheonError.fromServer(message);
    if (message.requestType === "join-room" && this.#state === "joining") {
      this.end(error);
    } else if (message.requestType === "publish-offer" && this.#publisher) {
      this.#publisher.handleError(error);
    } else if (message.requestType?.startsWith("subscribe-") && message.publisherId !== undefined) {
      // A publisher that is gone is announced again when it is back.
      if (error.retryable) this.#resubscribe(message.publisherId);
    } else {
      return false;
    }
    return true;
  }

  /**
   * Ends the membership on our side. Called by the client.
   *
   * @param {RheonError | null} reason null: we left
   */
  end(reason) {
    if (this.#state === "left") return;
    this.#closePublisher();
    for (const userId of [...this.#subscriptions.keys()]) this.#unsubscribe(userId);
    this.participants.clear();
    this.#setState("left");
    this.#joining?.reject(reason ?? new RheonError("closed", "You left the room."));
    this.#joining = null;
    this.emit("left", reason);
  }

  /** @param {import("./messages.js").User[]} users */
  #joined(users) {
    const present = new Set(users.map(({ userId }) => userId));
    for (const userId of [...this.participants.keys()]) if (!present.has(userId)) this.#remove(userId);
    for (const user of users) if (user.userId !== this.self.userId) this.#add(user).joined = true;
    this.#setState("joined");
    this.#joining?.resolve();
    this.#joining = null;
  }

  /**
   * @param {import("./messages.js").User} user
   * @returns {Participant}
   */
  #add({ userId, username }) {
    const known = this.participants.get(userId);
    if (known) return known;
    const participant = new Participant(userId, username);
    this.participants.set(userId, participant);
    this.emit("participant-joined", participant);
    return participant;
  }

  /** @param {number} userId */
  #remove(userId) {
    this.#unsubscribe(userId);
    const participant = this.participants.get(userId);
    if (this.participants.delete(userId) && participant) this.emit("participant-left", participant);
  }

  /** @param {import("./messages.js").User} user */
  #published(user) {
    if (user.userId === this.self.userId) return;
    const participant = this.#add(user);
    participant.publishing = true;
    this.#subscribe(participant, 0);
    this.emit("participant-changed", participant);
  }

  /** @param {number} userId */
  #unpublished(userId) {
    const participant = this.participants.get(userId);
    if (!participant) return;
    this.#unsubscribe(userId);
    participant.publishing = false;
    if (participant.joined) this.emit("participant-changed", participant);
    else this.#remove(userId); // it became a member by publishing, and nothing else tells that it went
  }

  /**
   * @param {Participant} participant
   * @param {number} attempt
   */
  #subscribe(participant, attempt) {
    const { userId } = participant;
    this.#unsubscribe(userId);
    const subscriber = new Subscriber((answer) => {
      this.#send({ type: "subscribe-answer", roomName: this.name, publisherId: userId, answer });
    });
    const retry = setTimeout(() => {
      if (subscriber.state === "new") this.#resubscribe(userId);
    }, OFFER_TIMEOUT_MS);
    /** @type {Subscription} */
    const subscription = { subscriber, meter: new StatsMeter(), attempt, retry };
    this.#subscriptions.set(userId, subscription);
    subscriber.on("track", (track) => {
      participant.stream.addTrack(track);
      this.emit("track", { participant, track });
    });
    subscriber.on("track-removed", (track) => {
      participant.stream.removeTrack(track);
      this.emit("track-removed", { participant, track });
    });
    subscriber.on("state", (state) => {
      participant.connectionState = state;
      if (state === "connected") subscription.attempt = 0;
      if (state === "failed") this.#resubscribe(userId);
      this.emit("participant-changed", participant);
    });
    subscriber.on("error", (error) => this.emit("error", error));
    this.#send({ type: "subscribe-request", roomName: this.name, publisherId: userId });
  }

  /** @param {number} userId */
  #resubscribe(userId) {
    const subscription = this.#subscriptions.get(userId);
    if (!subscription || subscription.attempt >= MAX_ATTEMPTS) return;
    clearTimeout(subscription.retry);
    subscription.retry = setTimeout(() => {
      const participant = this.participants.get(userId);
      if (participant) this.#subscribe(participant, subscription.attempt + 1);
    }, backoffDelay(subscription.attempt));
  }

  /** @param {number} userId */
  #unsubscribe(userId) {
    const subscription = this.#subscriptions.get(userId);
    if (!subscription) return;
    this.#subscriptions.delete(userId);
    clearTimeout(subscription.retry);
    subscription.subscriber.close();
    const participant = this.participants.get(userId);
    if (participant) participant.connectionState = "new";
  }

  /** @param {MediaStream} stream */
  async #startPublisher(stream) {
    this.#closePublisher();
    const publisher = new Publisher(stream, (offer) => {
      this.#send({ type: "publish-offer", roomName: this.name, offer });
    });
    this.#publisher = publisher;
    this.#publisherMeter = new StatsMeter();
    publisher.on("state", (state) => {
      this.emit("publish-state", state);
      if (state === "connected") this.#publishAttempt = 0;
      if (state === "failed") this.#republish();
    });
    await publisher.start();
  }

  #republish() {
    clearTimeout(this.#publishRetry);
    this.#publishRetry = setTimeout(async () => {
      if (!this.localStream || this.#state === "left") return;
      try {
        await this.#startPublisher(this.localStream);
      } catch (error) {
        if (this.#isStopped(error) || !(error instanceof RheonError)) return;
        if (error.retryable && this.#publishAttempt < MAX_ATTEMPTS) this.#republish();
        else this.emit("error", error);
      }
    }, backoffDelay(this.#publishAttempt++));
  }

  /** @param {unknown} error */
  #isStopped(error) {
    return error instanceof RheonError && error.reason === "closed";
  }

  #closePublisher() {
    clearTimeout(this.#publishRetry);
    this.#publisher?.close();
    this.#publisher = null;
  }

  /** @param {RoomState} state */
  #setState(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.emit("state", state);
  }
}
