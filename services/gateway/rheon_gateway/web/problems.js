import { RheonError } from "./client/index.js";

/**
 * @typedef {object} Problem
 * @property {string} title what is wrong
 * @property {string} advice what to do about it
 * @property {"media" | "token" | undefined} [about] what the person has to change
 */

/** @type {Partial<Record<import("./client/errors.js").ErrorReason, Problem>>} */
const CALL_PROBLEMS = {
  unreachable: {
    title: "Cannot connect to the server",
    advice: "Check that the server is running and that nothing between you and it blocks WebSockets, then join again.",
  },
  timeout: {
    title: "The server does not answer",
    advice: "It may be starting or very busy. Wait a moment, then join again.",
  },
  unauthorized: {
    title: "The token was refused",
    advice: "It may have expired or belong to another server. Get a new one with “rheon token create”.",
    about: "token",
  },
  replaced: {
    title: "You joined from somewhere else",
    advice: "A newer tab or device took this call over. Join again to bring it back here.",
  },
};

/** @type {Record<string, Problem>} */
const MEDIA_PROBLEMS = {
  NotAllowedError: {
    title: "Camera and microphone are blocked",
    advice: "Allow them for this page with the icon at the left of the address bar, then try again, or join and only watch.",
    about: "media",
  },
  NotFoundError: {
    title: "No camera or microphone found",
    advice: "Connect one and try again, or join and only watch.",
    about: "media",
  },
  NotReadableError: {
    title: "The camera or microphone is busy",
    advice: "Another program is using it. Close that program and try again, or join and only watch.",
    about: "media",
  },
  SecurityError: {
    title: "This page may not use the camera",
    advice: "Browsers allow it over HTTPS and on localhost only. Open the page there, or join and only watch.",
    about: "media",
  },
};

/**
 * What to tell a person about a failure.
 *
 * @param {unknown} error
 * @returns {Problem}
 */
export function describe(error) {
  if (error instanceof DOMException && MEDIA_PROBLEMS[error.name]) {
    return /** @type {Problem} */ (MEDIA_PROBLEMS[error.name]);
  }
  if (error instanceof RheonError) {
    const known = CALL_PROBLEMS[error.reason];
    if (known) return known;
    if (error.reason === "unavailable") {
      return { title: "The server cannot take the call now", advice: `It says: ${error.message}. Try again shortly.` };
    }
    if (error.reason === "refused") return { title: "The server refused", advice: `It says: ${error.message}` };
  }
  return { title: "Something went wrong", advice: error instanceof Error ? error.message : String(error) };
}
