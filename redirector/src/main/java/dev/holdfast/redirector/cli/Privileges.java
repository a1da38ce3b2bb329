package dev.holdfast.redirector.cli;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What the kernel lets this process do (capabilities(7)). */
final class Privileges {
  private static final int CAP_NET_ADMIN = 12;
  private static final int CAP_NET_RAW = 13;
  private static final String EFFECTIVE = "CapEff:";

  private Privileges() {}

  /**
   * The capabilities that a daemon needs and this process lacks.
   *
   * @param processStatus as /proc/self/status
   */
  static List<String> missing(Path processStatus) throws IOException {
    BigInteger effective = BigInteger.ZERO;
    for (String line : Files.readAllLines(processStatus)) {
      if (line.startsWith(EFFECTIVE)) {
        effective = new BigInteger(line.substring(EFFECTIVE.length()).strip(), 16);
      }
    }
    List<String> missing = new ArrayList<>();
    if (!effective.testBit(CAP_NET_ADMIN)) {
      missing.add("CAP_NET_ADMIN");
    }
    if (!effective.testBit(CAP_NET_RAW)) {
      missing.add("CAP_NET_RAW");
    }
    return missing;
  }
}
