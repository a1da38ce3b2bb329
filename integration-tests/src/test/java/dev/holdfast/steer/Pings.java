package dev.holdfast.steer;

import dev.holdfast.lab.Namespace;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Echo requests of a namespace's own kernel, and what its kernel has heard of errors. */
final class Pings {
  private static final Pattern RECEIVED = Pattern.compile("(\\d+) received");

  private Pings() {}

  /**
   * Sends one and says whether it was answered: 1 or 0. One alone, since after any answer ping
   * waits no longer for another than its interval.
   */
  static int answered(Namespace from, String to, String... options)
      throws IOException, InterruptedException {
    return ping(from, to, "-W10", options); // a busy machine may take its time
  }

  /** The same, where an answer is not expected and so not waited for. */
  static int answeredSoon(Namespace from, String to, String... options)
      throws IOException, InterruptedException {
    return ping(from, to, "-W0.5", options);
  }

  private static int ping(Namespace from, String to, String wait, String... options)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("ping", "-n", "-c1", wait));
    command.addAll(List.of(options));
    command.add(to);
    String output;
    try {
      output = from.run(command.toArray(new String[0]));
    } catch (IOException noneAnswered) {
      output = String.valueOf(noneAnswered.getMessage());
    }
    Matcher received = RECEIVED.matcher(output);
    if (!received.find()) {
      throw new IOException(output);
    }
    return Integer.parseInt(received.group(1));
  }

  /** How many ICMP errors that end a connection or a wait this kernel has received. */
  static long errorsHeard(Namespace where) throws IOException, InterruptedException {
    long sum = 0;
    for (String line : where.run("nstat", "-asz").split("\n", -1)) {
      String[] words = line.strip().split("\\s+");
      if (words[0].matches("Icmp6?In(DestUnreachs|TimeExcds|Redirects)")
          || words[0].equals("TcpExtTCPAbortOnData")) {
        sum += Long.parseLong(words[1]);
      }
    }
    return sum;
  }

  /** How many echo requests this kernel has received. */
  static long requestsHeard(Namespace where) throws IOException, InterruptedException {
    long sum = 0;
    for (String line : where.run("nstat", "-asz").split("\n", -1)) {
      String[] words = line.strip().split("\\s+");
      if (words[0].matches("Icmp6?InEchos")) {
        sum += Long.parseLong(words[1]);
      }
    }
    return sum;
  }
}
