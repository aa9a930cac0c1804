const TWO_LAYERS_FROM = 640;
const THREE_LAYERS_FROM = 960; // of fewer pixels Chromium sends two, and would leave out the highest

/**
 * The highest layers wanted: of resolution, and of frame rate where the publisher's codec has such steps.
 *
 * @typedef {{spatial?: 0 | 1 | 2, temporal?: 0 | 1 | 2}} PreferredLayer
 */

/**
 * The layers a track is sent in, lowest first, so that every viewer gets the one that suits it: a camera at least 960
 * pixels wide in a quarter, half and the whole of its resolution, one of at least 640 in half and the whole. Everything
 * else is sent once, as are a shared screen and what the page calls detail or text (`contentHint`), which are of no use
 * in a smaller size.
 *
 * @param {MediaStreamTrack} track
 * @returns {RTCRtpEncodingParameters[]}
 */
export function encodingsOf(track) {
  const { width = 0, displaySurface } = track.getSettings();
  const isDetail = displaySurface !== undefined || track.contentHint === "detail" || track.contentHint === "text";
  if (track.kind !== "video" || width < TWO_LAYERS_FROM || isDetail) return [{}];
  const upper = [{ rid: "h", scaleResolutionDownBy: 2 }, { rid: "f" }];
  return width < THREE_LAYERS_FROM ? upper : [{ rid: "q", scaleResolutionDownBy: 4 }, ...upper];
}
