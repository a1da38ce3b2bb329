package dev.holdfast.golden;

/** How a capture stands in the tree. */
enum Form {
  PCAPNG("capture.pcapng"),
  PCAPNG_GZ("capture.pcapng.gz"),

  /** Classic, as tcpdump has written it. */
  PCAP_NANOSECONDS("capture.pcap"),
  PCAP_MICROSECONDS("capture.pcap");

  private final String file;

  Form(String file) {
    this.file = file;
  }

  String file() {
    return file;
  }

  /** Whether it is the very file that tcpdump has written. */
  boolean isAsRecorded() {
    return this == PCAP_NANOSECONDS || this == PCAP_MICROSECONDS;
  }
}
