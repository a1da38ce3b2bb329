package dev.holdfast.golden;

import dev.holdfast.redirector.demo.lab.Wan;
import java.time.Duration;
import java.util.List;

/** A kind of traffic: how it is made, and what makes a capture of it the one that was wanted. */
abstract class GoldenCase {
  private final String name;

  /**
   * @param name the folder's
   */
  GoldenCase(String name) {
    this.name = name;
  }

  final String name() {
    return name;
  }

  /** What is between the client and the guest's site. */
  Wan wan() {
    return Wan.delayed(Duration.ofMillis(10));
  }

  /** Whether the machines leave cutting and checksums to their interfaces. */
  boolean hasOffloads() {
    return false;
  }

  Form form() {
    return Form.PCAPNG;
  }

  /**
   * Makes the traffic and records it.
   *
   * @return ended or not; several are put into one file
   */
  abstract List<Recording> make(GoldenLab lab) throws Exception;

  /**
   * Finds what the capture is for.
   *
   * @throws AssertionError where it is not in there
   */
  abstract Reading read(Capture capture);

  /** The begin of {@code how.md}: what is special, what the kernel does, what Wireshark shows. */
  abstract String how();

  @Override
  public final String toString() {
    return name;
  }
}
