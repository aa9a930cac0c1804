import { RheonError } from "./client/index.js";

const PATH = "dev/token";

/**
 * Whether the server hands out tokens itself, as it does in development only.
 *
 * @returns {Promise<boolean>}
 */
export async function servesTokens() {
  try {
    return (await requestToken("guest")).ok;
  } catch {
    return true; // unreachable: joining will say so, and a token would not help
  }
}

/**
 * A token of a new user, made by a development server.
 *
 * @param {string} username
 * @returns {Promise<string>}
 * @throws {RheonError}
 */
export async function developmentToken(username) {
  let response;
  try {
    response = await requestToken(username);
  } catch {
    throw new RheonError("unreachable", "Cannot connect.");
  }
  if (!response.ok) throw new RheonError("unauthorized", "The server hands out no tokens.");
  return (await response.json()).token;
}

/** @param {string} username */
function requestToken(username) {
  return fetch(PATH, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username }),
  });
}
