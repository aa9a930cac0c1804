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
 * Gets tokens from a development server: one user per call, the same one for every connection unless the server no
 * longer knows it.
 *
 * @param {string} username
 * @returns {import("./client/signaling.js").TokenProvider}
 */
export function developmentTokens(username) {
  let token = "";
  return async ({ refused }) => {
    if (!token || refused) token = await newToken(username);
    return token;
  };
}

/**
 * @param {string} username
 * @returns {Promise<string>}
 * @throws {RheonError}
 */
async function newToken(username) {
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
