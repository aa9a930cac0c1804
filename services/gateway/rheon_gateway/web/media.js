/** @typedef {"low" | "standard" | "high"} Quality */

/** @type {Record<Quality, MediaTrackConstraints>} */
const VIDEO = {
  low: { width: 320, height: 180, frameRate: 10 },
  standard: { width: 640, height: 360, frameRate: 30 },
  high: { width: 1280, height: 720, frameRate: 30 },
};

/**
 * Opens the camera and the microphone; where there is just one of them, that one.
 *
 * @param {Quality} quality
 * @returns {Promise<MediaStream>}
 * @throws {DOMException} as getUserMedia does
 */
export async function openMedia(quality) {
  if (!navigator.mediaDevices) throw new DOMException("Not a secure context", "SecurityError");
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: true, video: VIDEO[quality] });
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== "NotFoundError") throw error;
    const devices = await navigator.mediaDevices.enumerateDevices();
    const camera = devices.some(({ kind }) => kind === "videoinput");
    const microphone = devices.some(({ kind }) => kind === "audioinput");
    if (camera === microphone) throw error;
    return navigator.mediaDevices.getUserMedia({ audio: microphone, video: camera ? VIDEO[quality] : false });
  }
}

/** @param {MediaStream | null} stream */
export function closeMedia(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/**
 * Whether both were allowed before, so that they can be opened without a question.
 *
 * @returns {Promise<boolean>}
 */
export async function mediaAllowed() {
  try {
    const names = /** @type {PermissionName[]} */ (["camera", "microphone"]);
    const states = await Promise.all(names.map((name) => navigator.permissions.query({ name })));
    return states.every(({ state }) => state === "granted");
  } catch {
    return false; // not every browser answers
  }
}
