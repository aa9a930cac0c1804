import { RheonError } from "./errors.js";
import { Emitter } from "./events.js";

/**
 * @typedef {string | ArrayBuffer} Data text or binary
 * @typedef {object} DataOptions
 * @property {boolean} [ordered] whether messages arrive in the order they were sent; true unless said otherwise
 * @property {number} [maxRetransmits] how often a lost message is sent again; endlessly unless said otherwise
 * @property {number} [maxPacketLifeTime] milliseconds in which a lost message is sent again; not with maxRetransmits
 * @property {string} [protocol] what the messages are, in ASCII
 */

/** Bytes of the longest message the server forwards. */
export const MAX_MESSAGE_BYTES = 65_536;

/**
 * A channel of ours to everybody who is subscribed to us. It outlives the connection that carries it: it is opened
 * again on every later one.
 *
 * @extends {Emitter<{open: null, close: null}>}
 */
export class DataChannel extends Emitter {
  /** @type {RTCDataChannel | null} */
  #carrier = null;
  #forget;

  /**
   * @param {string} label
   * @param {DataOptions} options
   * @param {(channel: DataChannel) => void} forget called when it was closed for good
   * @throws {RheonError} when the label or protocol is not ASCII
   */
  constructor(label, options, forget) {
    super();
    if (!isAscii(label) || !isAscii(options.protocol ?? "")) {
      throw new RheonError("invalid", "The label and the protocol of a data channel have to be ASCII.");
    }
    this.label = label;
    this.options = options;
    this.#forget = forget;
  }

  /** Whether messages can be sent now. */
  get isOpen() {
    return this.#carrier?.readyState === "open";
  }

  /** Bytes that wait to be sent. */
  get bufferedAmount() {
    return this.#carrier?.bufferedAmount ?? 0;
  }

  /**
   * Sends a message to everybody who is subscribed to us at this moment.
   *
   * @param {string | ArrayBuffer | ArrayBufferView<ArrayBuffer>} data
   * @returns {boolean} false: the channel is not open now, and the message is dropped
   * @throws {RheonError} when the message is longer than 64 KiB
   */
  send(data) {
    const size = typeof data === "string" ? new TextEncoder().encode(data).length : data.byteLength;
    if (size > MAX_MESSAGE_BYTES) throw new RheonError("invalid", "A message has at most 64 KiB.");
    if (!this.#carrier || !this.isOpen) return false;
    if (typeof data === "string") this.#carrier.send(data);
    else if (data instanceof ArrayBuffer) this.#carrier.send(data);
    else this.#carrier.send(data);
    return true;
  }

  /** Closes the channel for good. */
  close() {
    this.#forget(this);
    this.detach();
  }

  /**
   * Goes on over this connection. Called by the publisher.
   *
   * @param {RTCPeerConnection} pc
   */
  attach(pc) {
    this.detach();
    const carrier = pc.createDataChannel(this.label, this.options);
    this.#carrier = carrier;
    carrier.onopen = () => this.emit("open", null);
    carrier.onclose = () => this.detach();
  }

  /** The connection is gone. Called by the publisher. */
  detach() {
    const carrier = this.#carrier;
    if (!carrier) return;
    this.#carrier = null;
    carrier.onopen = carrier.onclose = null;
    carrier.close();
    this.emit("close", null);
  }
}

/**
 * Hands over every message of a channel that somebody else opened.
 *
 * @param {RTCDataChannel} channel
 * @param {(message: {label: string, data: Data}) => void} deliver
 */
export function receiveData(channel, deliver) {
  channel.binaryType = "arraybuffer";
  channel.onmessage = ({ data }) => deliver({ label: channel.label, data });
}

/** @param {string} text */
function isAscii(text) {
  return [...text].every((char) => (char.codePointAt(0) ?? 0) < 128);
}
