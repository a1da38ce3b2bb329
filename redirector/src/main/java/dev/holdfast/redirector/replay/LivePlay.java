package dev.holdfast.redirector.replay;

/**
 * How a replay is played live.
 *
 * @param line the real network
 * @param map which addresses stand for those of the capture
 */
public record LivePlay(LiveLine line, Pace pace, AddressTranslation map) {}
