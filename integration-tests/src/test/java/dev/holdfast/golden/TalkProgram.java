package dev.holdfast.golden;

import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/** A talk of two programs whose sockets have options that Java does not know ({@code talk.pl}). */
final class TalkProgram {
  private static final String SCRIPT = "talk.pl";

  private final GoldenLab lab;
  private final String protocol;
  private final int connections;
  private final int times;
  private final int bytes;
  private final List<String> options;

  /**
   * @param protocol {@code tcp} or {@code udp}
   * @param times questions on each connection
   * @param bytes of each question, and of its answer, which is the same
   */
  TalkProgram(
      GoldenLab lab, String protocol, int connections, int times, int bytes, String... options) {
    this.lab = lab;
    this.protocol = protocol;
    this.connections = connections;
    this.times = times;
    this.bytes = bytes;
    this.options = List.of(options);
  }

  /** Runs both ends and returns when the talk is over. */
  void run(Namespace from, Namespace to, IpAddress address, int port) throws Exception {
    Path script = lab.folder().resolve(SCRIPT);
    try (InputStream in = TalkProgram.class.getResourceAsStream(SCRIPT)) {
      Files.write(script, Objects.requireNonNull(in).readAllBytes());
    }
    String name = "listener-" + protocol + "-" + port;
    Process listener = lab.start(to, name, command(script, "listen", address, port));
    await(listener, lab.folder().resolve(name));
    Tool.run(from.within(command(script, "connect", address, port)));
    if (!listener.waitFor(10, TimeUnit.SECONDS) || listener.exitValue() != 0) {
      throw new IOException(
          "the listener has failed: " + Files.readString(lab.folder().resolve(name)));
    }
  }

  private String[] command(Path script, String role, IpAddress address, int port) {
    List<String> all =
        new ArrayList<>(List.of("perl", script.toString(), role, protocol, address.toString()));
    for (int each : new int[] {port, connections, times, bytes}) {
      all.add(Integer.toString(each));
    }
    all.addAll(options);
    return all.toArray(String[]::new);
  }

  private static void await(Process listener, Path words) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!Files.readString(words).contains("ready")) {
      if (System.nanoTime() > deadline || !listener.isAlive()) {
        throw new IOException("the listener does not listen: " + Files.readString(words));
      }
      Thread.sleep(5);
    }
  }
}
