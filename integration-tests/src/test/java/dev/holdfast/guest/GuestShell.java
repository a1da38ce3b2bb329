package dev.holdfast.guest;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The guest's second serial port, where its first process takes commands: one line in, what it
 * prints out, and a mark of ours behind it.
 */
final class GuestShell implements AutoCloseable {
  private static final Duration BOOT = Duration.ofSeconds(120);
  private static final Duration COMMAND = Duration.ofSeconds(60);

  /** The port has been closed; no line of a command contains it. */
  private static final String END = "@@end";

  /** What tells of a guest that does not answer. */
  interface Witness {
    String said() throws IOException;
  }

  private final SocketChannel channel;
  private final Witness witness;
  private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
  private int commands;

  /**
   * @param name of the guest, for the reader's thread
   */
  GuestShell(SocketChannel channel, String name, Witness witness) {
    this.channel = channel;
    this.witness = witness;
    Thread reader = new Thread(this::read, "guest " + name);
    reader.setDaemon(true);
    reader.start();
  }

  private void read() {
    try (var from =
        new BufferedReader(
            new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.UTF_8))) {
      for (String line = from.readLine(); line != null; line = from.readLine()) {
        lines.add(line);
      }
    } catch (IOException e) {
      // the guest has ended, or the test
    }
    lines.add(END);
  }

  void awaitReady() throws IOException, InterruptedException {
    while (!next(BOOT, "boot").equals("@@ready")) {
      // what a serial port says as it is opened
    }
  }

  private String next(Duration patience, String what) throws IOException, InterruptedException {
    String line = lines.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
    if (line == null || line.equals(END)) {
      throw new IOException(
          "the guest "
              + (line == null ? "did not " : "ended and did not ")
              + what
              + "; its console: "
              + witness.said());
    }
    return line;
  }

  Guest.Output run(String command) throws IOException, InterruptedException {
    if (command.indexOf('\n') >= 0) {
      throw new IllegalArgumentException("more than one line: " + command);
    }
    String mark = "@@" + ++commands + " ";
    write("( " + command + " ) </dev/null 2>&1; s=$?; echo; echo \"" + mark + "$s\"\n");
    var text = new StringBuilder();
    while (true) {
      String line = next(COMMAND, "answer to: " + command);
      if (line.startsWith(mark)) {
        String said = text.toString();
        return new Guest.Output(
            Integer.parseInt(line.substring(mark.length())), said.stripTrailing());
      }
      text.append(line).append('\n');
    }
  }

  private void write(String line) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
