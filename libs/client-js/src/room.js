import { DataChannel } from "./data.js";
import { RheonError } from "./errors.js";
import { Emitter } from "./events.js";
import { Participant } from "./participant.js";
import { Publishing } from "./publishing.js";
import { Receiving } from "./receiving.js";

/**
 * @typedef {"joining" | "joined" | "left"} RoomState
 * @typedef {import("./stats.js").MediaStats} MediaStats
 */

const HIGHEST_LAYER = 2;
const JOIN_TIMEOUT_MS = 10_000;

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
 *   "track-muted": {participant: Participant, kind: "audio" | "video", trackId: string, muted: boolean},
 *   data: {participant: Participant, label: string, data: import("./data.js").Data},
 *   "publish-state": RTCPeerConnectionState,
 *   error: RheonError,
 *   left: RheonError | null,
 * }>}
 */
export class Room extends Emitter {
  /** @type {Map<number, Participant>} everybody else, by user id */
  participants = new Map();

  #send;
  /** @type {RoomState} */
  #state = "joining";
  /** @type {{resolve: () => void, reject: (error: RheonError) => void} | null} */
  #joining = null;
  /** @type {Publishing | null} */
  #publishing = null;
  /** @type {Set<"audio" | "video">} kinds of what we publish that are muted */
  #muted = new Set();
  #receiving;
  /** @type {Map<number, {spatial: number, temporal: number}>} the highest wanted, by publisher id */
  #preferredLayers = new Map();
  /** @type {Set<DataChannel>} what we opened */
  #data = new Set();

  /**
   * @param {string} name
   * @param {import("./messages.js").User} self
   * @param {(message: import("./messages.js").ClientMessage) => void} send
   * @param {() => boolean} sharesSubscriptions whether the server grants one connection for everybody we receive
   */
  constructor(name, self, send, sharesSubscriptions) {
    super();
    this.name = name;
    this.self = self;
    this.#send = send;
    this.#receiving = new Receiving(name, send, sharesSubscriptions);
    this.#receive();
  }

  get state() {
    return this.#state;
  }

  /** What we publish. */
  get localStream() {
    return this.#publishing?.stream ?? null;
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

  /**
   * Joins, publishes and, as publishers are announced, subscribes again: the server forgot us when the old connection
   * ended. Called by the client.
   *
   * @param {import("./messages.js").User} self
   */
  rejoin(self) {
    this.self = self;
    this.#unsubscribeAll();
    this.#setState("joining");
    this.#send({ type: "join-room", roomName: this.name });
    this.#publishing?.restart();
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
    this.#publishing?.close();
    for (const track of stream.getTracks()) if (this.#mutes(track)) track.enabled = false;
    const publishing = new Publishing(stream, this.#data, (offer) => {
      this.#send({ type: "publish-offer", roomName: this.name, offer });
    });
    this.#publishing = publishing;
    publishing.on("state", (state) => this.emit("publish-state", state));
    publishing.on("published", () => this.#muted.forEach((kind) => this.#sendMuted(kind, true)));
    publishing.on("error", (error) => this.emit("error", error));
    await publishing.start();
  }

  /**
   * Opens a data channel to everybody who is subscribed to us. Where nothing is published, a connection for data alone
   * is made.
   *
   * @param {string} label tells receivers what the messages are about; ASCII
   * @param {import("./data.js").DataOptions} [options]
   * @returns {DataChannel}
   * @throws {RheonError}
   */
  openData(label, options = {}) {
    if (this.#state === "left") throw new RheonError("closed", "You left the room.");
    const channel = new DataChannel(label, options, (closed) => this.#data.delete(closed));
    this.#data.add(channel);
    this.#publishing?.openData(channel);
    // Whoever publishes in the same breath needs no connection before.
    queueMicrotask(() => {
      if (this.#publishing || this.#state === "left" || !this.#data.has(channel)) return;
      this.publish(new MediaStream()).catch((error) => {
        if (error instanceof RheonError && error.reason !== "closed") this.emit("error", error);
      });
    });
    return channel;
  }

  /** Stops publishing, data channels included; the tracks stay the caller's to stop. */
  unpublish() {
    if (!this.#publishing) return;
    this.#publishing.close();
    this.#publishing = null;
    this.#send({ type: "unpublish", roomName: this.name });
  }

  /**
   * Mutes or unmutes what we publish of one kind: here and at once (a disabled track sends silence or black frames),
   * and at the server, which then sends it to nobody and tells the others. What is published later of a muted kind is
   * muted as well.
   *
   * @param {"audio" | "video"} kind
   * @param {boolean} muted
   */
  setMuted(kind, muted) {
    for (const track of this.localStream?.getTracks() ?? []) if (track.kind === kind) track.enabled = !muted;
    if (muted) this.#muted.add(kind);
    else this.#muted.delete(kind);
    if (this.#publishing?.published) this.#sendMuted(kind, muted);
  }

  /**
   * Bounds the layers in which we receive a publisher's video: less than the highest saves bandwidth where the picture
   * is small. Holds for later connections and tracks as well, until the publisher leaves the room.
   *
   * @param {number} publisherId
   * @param {import("./simulcast.js").PreferredLayer} layer what is left out is not bounded
   */
  setPreferredLayer(publisherId, { spatial = HIGHEST_LAYER, temporal = HIGHEST_LAYER }) {
    const participant = this.participants.get(publisherId);
    if (!participant) return;
    this.#preferredLayers.set(publisherId, { spatial, temporal });
    // Before there is a picture the server may not know the subscription: it is told with the first track.
    if (participant.stream.getVideoTracks().length > 0) this.#sendPreferredLayer(publisherId);
  }

  /** Leaves the room. */
  leave() {
    this.#send({ type: "leave-room", roomName: this.name });
    this.end(null);
  }

  /**
   * Rates since the last call, of what we send and of every publisher we receive, by user id.
   *
   * @returns {Promise<{local: MediaStats | null, remote: Map<number, MediaStats>}>}
   */
  async stats() {
    const local = (await this.#publishing?.stats()) ?? null;
    const remote = await this.#receiving.stats();
    return { local, remote };
  }

  /**
   * Takes a message about this room. Called by the client.
   *
   * @param {import("./messages.js").RoomMessage} message
   */
  handleMessage(message) {
    switch (message.type) {
      case "room-joined":
        this.#joined(message.participants);
        break;
      case "room-left":
        // While joining, it still answers a leave from before.
        if (this.#state === "joined") this.end(new RheonError("replaced", "You joined from somewhere else."));
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
      case "track-muted":
        this.#trackMuted(message);
        break;
      case "publish-answer":
        this.#publishing?.handleAnswer(message.answer);
        break;
      case "publish-ice-candidate":
        if (message.candidate) this.#publishing?.handleCandidate(message.candidate);
        break;
      case "subscribe-offer":
        this.#receiving.handleOffer(message);
        break;
      case "subscribe-ice-candidate":
        this.#receiving.handleCandidate(message);
        break;
    }
  }

  /**
   * Takes an error about this room. Called by the client.
   *
   * @param {import("./messages.js").ServerError} message
   * @returns {boolean} whether it answers one of this room's requests
   */
  handleError(message) {
    const error = RheonError.fromServer(message);
    if (message.requestType === "join-room" && this.#state === "joining") {
      this.end(error);
    } else if (message.requestType === "publish-offer" && this.#publishing) {
      this.#publishing.handleError(error);
    } else if (message.requestType?.startsWith("subscribe-")) {
      // A publisher that is gone is announced again when it is back.
      if (error.retryable) this.#receiving.retry(message.publisherId);
    } else if (message.requestType === "set-preferred-layer") {
      // The subscription is just gone; the next one is told again.
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
    this.#publishing?.close();
    this.#publishing = null;
    this.#unsubscribeAll();
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
    for (const user of users) {
      if (user.userId === this.self.userId) continue;
      const participant = this.#add(user);
      participant.joined = true;
      participant.forgetMuted();
      participant.publishing = false; // publishers are announced one by one from here on
      this.emit("participant-changed", participant);
    }
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
    this.#preferredLayers.delete(userId);
    const participant = this.participants.get(userId);
    if (this.participants.delete(userId) && participant) this.emit("participant-left", participant);
  }

  /** @param {import("./messages.js").User} user */
  #published(user) {
    if (user.userId === this.self.userId) return;
    const participant = this.#add(user);
    participant.publishing = true;
    participant.forgetMuted(); // what is muted now is told right after this
    participant.connectionState = "new";
    this.#receiving.add(participant.userId);
    this.emit("participant-changed", participant);
  }

  /** @param {number} userId */
  #unpublished(userId) {
    const participant = this.participants.get(userId);
    if (!participant) return;
    this.#unsubscribe(userId);
    participant.publishing = false;
    participant.forgetMuted();
    if (participant.joined) this.emit("participant-changed", participant);
    else this.#remove(userId); // it became a member by publishing, and nothing else tells that it went
  }

  /** @param {Extract<import("./messages.js").RoomMessage, {type: "track-muted"}>} message */
  #trackMuted({ publisherId, trackId, kind, muted }) {
    const participant = this.participants.get(publisherId);
    if (!participant) return;
    participant.noteMuted(kind, trackId, muted);
    this.emit("track-muted", { participant, kind, trackId, muted });
    this.emit("participant-changed", participant);
  }

  /** @param {MediaStreamTrack} track */
  #mutes({ kind }) {
    return this.#muted.has(/** @type {"audio" | "video"} */ (kind));
  }

  /**
   * @param {"audio" | "video"} kind
   * @param {boolean} muted
   */
  #sendMuted(kind, muted) {
    this.#send({ type: "set-muted", roomName: this.name, kind, muted });
  }

  /** @param {number} publisherId */
  #sendPreferredLayer(publisherId) {
    const layer = this.#preferredLayers.get(publisherId);
    if (layer) this.#send({ type: "set-preferred-layer", roomName: this.name, publisherId, ...layer });
  }

  #receive() {
    const receiving = this.#receiving;
    const known = (/** @type {number} */ publisherId) => this.participants.get(publisherId);
    receiving.on("track", ({ publisherId, track }) => {
      const participant = known(publisherId);
      if (!participant) return;
      participant.stream.addTrack(track);
      if (track.kind === "video") this.#sendPreferredLayer(publisherId);
      this.emit("track", { participant, track });
    });
    receiving.on("track-removed", ({ publisherId, track }) => {
      const participant = known(publisherId);
      if (!participant) return;
      participant.stream.removeTrack(track);
      this.emit("track-removed", { participant, track });
    });
    receiving.on("state", ({ publisherId, state }) => {
      const participant = known(publisherId);
      if (!participant) return;
      participant.connectionState = state;
      this.emit("participant-changed", participant);
    });
    receiving.on("data", ({ publisherId, label, data }) => {
      const participant = known(publisherId);
      if (!participant) return;
      participant.emit("data", { label, data });
      this.emit("data", { participant, label, data });
    });
    receiving.on("error", (error) => this.emit("error", error));
  }

  /** @param {number} userId */
  #unsubscribe(userId) {
    this.#receiving.remove(userId);
    const participant = this.participants.get(userId);
    if (participant) participant.connectionState = "new";
  }

  #unsubscribeAll() {
    this.#receiving.clear();
    for (const participant of this.participants.values()) participant.connectionState = "new";
  }

  /** @param {RoomState} state */
  #setState(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.emit("state", state);
  }
}
