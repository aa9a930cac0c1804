/**
 * What is received from, or sent as, one participant over the last interval.
 *
 * @typedef {object} MediaStats
 * @property {number} width pixels, 0 without video
 * @property {number} height pixels, 0 without video
 * @property {number} framesPerSecond frames decoded (received) or encoded (sent) per second
 * @property {number} bitrate audio and video together, bits per second
 * @property {number} loss share of packets lost, 0..1
 * @property {number} roundTripTime seconds, 0 when unknown
 */

/** @typedef {{at: number, bytes: number, frames: number, packets: number, lost: number}} Sample */

/**
 * Turns the growing counters of one connection's getStats into rates: each call to `update` covers the time since the
 * call before. Counters that went backwards belong to a new connection and start a new interval.
 */
export class StatsMeter {
  /** @type {Sample | null} */
  #last = null;

  /**
   * @param {RTCStatsReport} report
   * @param {"inbound" | "outbound"} direction
   * @param {number} [now] milliseconds
   * @returns {MediaStats}
   */
  update(report, direction, now = performance.now()) {
    /** @type {Sample} */
    const sample = { at: now, bytes: 0, frames: 0, packets: 0, lost: 0 };
    const stats = { width: 0, height: 0, framesPerSecond: 0, bitrate: 0, loss: 0, roundTripTime: 0 };
    report.forEach((entry) => {
      if (entry.type === `${direction}-rtp`) {
        sample.bytes += entry.bytesReceived ?? entry.bytesSent ?? 0;
        sample.packets += entry.packetsReceived ?? entry.packetsSent ?? 0;
        // What is sent in layers is one picture all the same: the largest, at the rate of the fastest.
        if (direction === "inbound") sample.frames += entry.framesDecoded ?? 0;
        else sample.frames = Math.max(sample.frames, entry.framesEncoded ?? 0);
        if (direction === "inbound") sample.lost += entry.packetsLost ?? 0;
        if ((entry.frameWidth ?? 0) > stats.width) {
          stats.width = entry.frameWidth;
          stats.height = entry.frameHeight ?? 0;
        }
      } else if (entry.type === "remote-inbound-rtp" && direction === "outbound") {
        sample.lost += entry.packetsLost ?? 0;
      } else if (entry.type === "candidate-pair" && entry.nominated) {
        stats.roundTripTime ||= entry.currentRoundTripTime ?? 0;
      }
    });
    const last = this.#last;
    this.#last = sample;
    if (!last || sample.bytes < last.bytes || sample.at <= last.at) return stats;
    const seconds = (sample.at - last.at) / 1000;
    // Duplicates and late arrivals let the loss count fall (RFC 3550 section A.3): no loss, then.
    const lost = Math.max(0, sample.lost - last.lost);
    const delivered = Math.max(0, sample.packets - last.packets);
    const expected = direction === "inbound" ? delivered + lost : delivered;
    stats.framesPerSecond = Math.max(0, sample.frames - last.frames) / seconds;
    stats.bitrate = ((sample.bytes - last.bytes) * 8) / seconds;
    stats.loss = expected > 0 ? Math.min(1, lost / expected) : 0;
    return stats;
  }
}
