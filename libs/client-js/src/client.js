import { RheonError } from "./errors.js";
import { Emitter } from "./events.js";
import { Room } from "./room.js";
import { Signaling } from "./signaling.js";

/**
 * A user's connection to a Rheon gateway.
 *
 * ```js
 * const client = await RheonClient.connect("wss://calls.example.org", token);
 * const room = await client.join("kitchen");
 * room.on("track", ({ participant }) => show(participant.stream));
 * await room.publish(await navigator.mediaDevices.getUserMedia({ audio: true, video: true }));
 * ```
 *
 * @extends {Emitter<{
 *   state: import("./signaling.js").SignalingState,
 *   error: RheonError,
 *   closed: RheonError | null,
 * }>}
 */
export class RheonClient extends Emitter {
  #signaling;
  /** @type {Map<string, Room>} */
  #rooms = new Map();

  /**
   * @param {Signaling} signaling
   * @param {import("./messages.js").User} user
   */
  constructor(signaling, user) {
    super();
    this.#signaling = signaling;
    this.user = user;
    signaling.on("state", (state) => this.emit("state", state));
    signaling.on("message", (message) => this.#receive(message));
    signaling.on("reconnected", (user) => this.#reconnected(user));
    signaling.on("closed", (reason) => this.#ended(reason));
  }

  /**
   * @param {string} url ws:, wss:, http: or https: address of the gateway
   * @param {import("./signaling.js").TokenSource} token
   * @returns {Promise<RheonClient>}
   * @throws {RheonError} `bad-url`, `unreachable`, `timeout` or `unauthorized`
   */
  static async connect(url, token) {
    const signaling = new Signaling(url, token);
    const user = await signaling.connect();
    return new RheonClient(signaling, user);
  }

  get state() {
    return this.#signaling.state;
  }

  /**
   * @param {string} name
   * @returns {Promise<Room>} once the server has let us in
   * @throws {RheonError}
   */
  async join(name) {
    if (this.state === "closed") throw new RheonError("closed", "The client is closed.");
    const known = this.#rooms.get(name);
    if (known) return known;
    const room = new Room(
      name,
      this.user,
      (message) => this.#signaling.send(message),
      () => this.#signaling.features.has("shared-subscribe"),
    );
    this.#rooms.set(name, room);
    room.on("left", () => this.#forget(room));
    await room.join();
    return room;
  }

  /** Leaves every room and closes the connection. */
  close() {
    for (const room of this.#rooms.values()) room.leave();
    this.#signaling.close();
  }

  /** @param {import("./messages.js").ServerMessage} message */
  #receive(message) {
    const room = "roomName" in message && message.roomName !== undefined ? this.#rooms.get(message.roomName) : undefined;
    if (message.type === "error") {
      if (!room?.handleError(message)) this.emit("error", RheonError.fromServer(message));
    } else if (message.type !== "authenticated" && message.type !== "pong") {
      room?.handleMessage(message);
    }
  }

  /** @param {import("./messages.js").User} user another one than before, if the new token says so */
  #reconnected(user) {
    this.user = user;
    for (const room of this.#rooms.values()) room.rejoin(user);
  }

  /** @param {Room} room */
  #forget(room) {
    if (this.#rooms.get(room.name) === room) this.#rooms.delete(room.name);
  }

  /** @param {RheonError | null} reason */
  #ended(reason) {
    for (const room of this.#rooms.values()) room.end(reason);
    this.emit("closed", reason);
  }
}
