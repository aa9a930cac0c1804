import { backoffDelay } from "./backoff.js";
import { RheonError } from "./errors.js";
import { Emitter } from "./events.js";

/**
 * @typedef {"connecting" | "connected" | "reconnecting" | "closed"} SignalingState
 * @typedef {(last: {refused: boolean}) => string | Promise<string>} TokenProvider called for every connection; `refused`:
 *   the token it gave last was refused, a new one may do
 * @typedef {string | TokenProvider} TokenSource
 */

const OPEN_TIMEOUT_MS = 10_000;
/** A network that went away closes no socket: ask for a sign of life, and give up on the socket without one. */
const PING_INTERVAL_MS = 10_000;
const SILENCE_LIMIT_MS = 25_000;

/** What we ask the server for. */
const FEATURES = ["shared-subscribe"];

const CLOSE_UNAUTHORIZED = 4401;
const CLOSE_REPLACED = 4409;

/**
 * The WebSocket to the gateway: authenticates, reconnects with backoff after a loss, and carries JSON messages.
 *
 * @extends {Emitter<{
 *   state: SignalingState,
 *   message: import("./messages.js").ServerMessage,
 *   reconnected: import("./messages.js").User,
 *   closed: RheonError | null,
 * }>}
 */
export class Signaling extends Emitter {
  #url;
  #token;
  /** @type {SignalingState} */
  #state = "connecting";
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {ReadonlySet<string>} */
  #features = new Set();
  #attempt = 0;
  #refused = false;
  #heardAt = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #heartbeat;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /**
   * @param {string} url ws:, wss:, http: or https: address of the gateway
   * @param {TokenSource} token
   */
  constructor(url, token) {
    super();
    this.#url = socketUrl(url);
    this.#token = token;
  }

  get state() {
    return this.#state;
  }

  /** @returns {ReadonlySet<string>} what of `FEATURES` the server grants */
  get features() {
    return this.#features;
  }

  /**
   * Connects and authenticates. A first connection that fails is reported, not retried.
   *
   * @returns {Promise<import("./messages.js").User>} who the token says we are
   * @throws {RheonError} `unreachable`, `timeout` or `unauthorized`
   */
  async connect() {
    try {
      return await this.#open();
    } catch (error) {
      this.#setState("closed");
      throw error;
    }
  }

  /**
   * Sends one message, or drops it while there is no connection: everything is asserted again after a reconnect.
   *
   * @param {import("./messages.js").ClientMessage} message
   */
  send(message) {
    if (this.#state === "connected") this.#socket?.send(JSON.stringify(message));
  }

  /** Closes the connection for good. */
  close() {
    this.#shut(null);
  }

  /** @returns {Promise<import("./messages.js").User>} */
  async #open() {
    const token = typeof this.#token === "function" ? await this.#token({ refused: this.#refused }) : this.#token;
    if (this.#state === "closed") throw new RheonError("closed", "The client was closed.");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    const { userId, username, features } = await authenticate(socket, token);
    this.#features = new Set(features);
    this.#attempt = 0;
    this.#refused = false;
    this.#heardAt = Date.now();
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code }) => this.#lost(code);
    this.#heartbeat = setInterval(() => this.#beat(socket), PING_INTERVAL_MS);
    this.#setState("connected");
    return { userId, username };
  }

  /** @param {unknown} data */
  #receive(data) {
    this.#heardAt = Date.now();
    const message = parse(data);
    if (message && message.type !== "pong") this.emit("message", message);
  }

  /** @param {WebSocket} socket */
  #beat(socket) {
    if (Date.now() - this.#heardAt > SILENCE_LIMIT_MS) {
      socket.onclose = null; // the close handshake needs the very network that is gone
      socket.close();
      this.#lost(1006);
    } else {
      this.send({ type: "ping" });
    }
  }

  /** @param {number} code */
  #lost(code) {
    clearInterval(this.#heartbeat);
    if (this.#state === "closed") return;
    if (code === CLOSE_UNAUTHORIZED && typeof this.#token === "string") {
      this.#shut(new RheonError("unauthorized", "The server no longer accepts the token.", 401));
    } else if (code === CLOSE_REPLACED) {
      this.#shut(new RheonError("replaced", "You joined from somewhere else.", 409));
    } else {
      this.#setState("reconnecting");
      this.#retryLater();
    }
  }

  #retryLater() {
    this.#retry = setTimeout(() => void this.#reopen(), backoffDelay(this.#attempt++));
  }

  async #reopen() {
    try {
      this.emit("reconnected", await this.#open());
    } catch (error) {
      if (this.#state === "closed") return;
      if (error instanceof RheonError && error.reason === "unauthorized") {
        if (this.#refused || typeof this.#token === "string") return this.#shut(error);
        this.#refused = true;
      }
      this.#retryLater();
    }
  }

  /** @param {RheonError | null} reason */
  #shut(reason) {
    clearTimeout(this.#retry);
    clearInterval(this.#heartbeat);
    if (this.#state === "closed") return;
    this.#setState("closed");
    this.#socket?.close(1000);
    this.emit("closed", reason);
  }

  /** @param {SignalingState} state */
  #setState(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.emit("state", state);
  }
}

/**
 * @param {string} url
 * @returns {string}
 */
function socketUrl(url) {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const protocol = parsed?.protocol.replace(/^http/, "ws");
  if (!parsed || (protocol !== "ws:" && protocol !== "wss:")) {
    throw new RheonError("bad-url", `Not the address of a Rheon gateway: ${url}`);
  }
  parsed.protocol = protocol;
  return parsed.href;
}

/**
 * @param {WebSocket} socket
 * @param {string} token
 * @returns {Promise<import("./messages.js").Authenticated>}
 */
function authenticate(socket, token) {
  return new Promise((resolve, reject) => {
    const fail = (/** @type {RheonError} */ error) => {
      clearTimeout(timer);
      socket.onmessage = socket.onclose = null;
      socket.close();
      reject(error);
    };
    const timer = setTimeout(() => fail(new RheonError("timeout", "The server did not answer.")), OPEN_TIMEOUT_MS);
    let opened = false;
    socket.onopen = () => {
      opened = true;
      socket.send(JSON.stringify({ type: "auth", token, features: FEATURES }));
    };
    socket.onmessage = ({ data }) => {
      const message = parse(data);
      if (message?.type === "authenticated") {
        clearTimeout(timer);
        resolve(message);
      } else if (message?.type === "error") {
        fail(RheonError.fromServer(message));
      }
    };
    socket.onclose = ({ code }) => {
      if (code === CLOSE_UNAUTHORIZED) fail(new RheonError("unauthorized", "The token was refused.", 401));
      else fail(new RheonError("unreachable", opened ? "The server closed the connection." : "Cannot connect."));
    };
  });
}

/**
 * @param {unknown} data
 * @returns {import("./messages.js").ServerMessage | null}
 */
function parse(data) {
  try {
    const message = JSON.parse(String(data));
    return typeof message?.type === "string" ? message : null;
  } catch {
    return null; // what we do not understand we ignore, as unknown types
  }
}
