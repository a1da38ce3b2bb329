package dev.holdfast.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.measure.Distribution;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Somebody at an interactive shell: types a line, sees it echoed, reads the answer, and types the
 * next. Each answer has the number that the shell itself counts and its process id, so that it is
 * the same shell all the time.
 */
final class ShellSession implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(120);
  private static final Duration PACE = Duration.ofMillis(50);

  private static final Pattern PROMPT = Pattern.compile("# ");
  private static final Pattern ANSWER = Pattern.compile("line (\\d+) of (\\d+)\\r?\\n");

  private final Process process;
  private final Path log;
  private final StringBuilder screen = new StringBuilder();
  private final List<Double> echoes = new ArrayList<>();
  private final Thread reader;
  private final Thread typist;
  private int lines;
  private boolean hasEnded;
  private volatile boolean stopping;
  private volatile @Nullable Throwable failure;

  private ShellSession(Process process, Path log) {
    this.process = process;
    this.log = log;
    reader = new Thread(this::read, "shell's screen");
    typist = new Thread(this::type, "typist");
    reader.setDaemon(true);
    typist.setDaemon(true);
  }

  /**
   * Logs in, and begins to type.
   *
   * @param command of the client
   * @param log gets what the client itself says
   */
  static ShellSession open(List<String> command, Path log) throws Exception {
    Process process = new ProcessBuilder(command).redirectError(log.toFile()).start();
    var session = new ShellSession(process, log);
    session.reader.start();
    try {
      session.await(PROMPT);
    } catch (Exception | AssertionError e) {
      session.close();
      throw e;
    }
    session.typist.start();
    session.awaitMore(1);
    return session;
  }

  private void read() {
    var block = new char[4096];
    try (Reader in = new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8)) {
      for (int length = in.read(block); length >= 0; length = in.read(block)) {
        show(block, length);
      }
    } catch (IOException e) {
      // it was ended
    }
    end();
  }

  private synchronized void show(char[] block, int length) {
    screen.append(block, 0, length);
    notifyAll();
  }

  private synchronized void end() {
    hasEnded = true;
    notifyAll();
  }

  /** Waits for what is to come on the screen next, and takes that away with all before it. */
  private synchronized Matcher await(Pattern wanted) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      Matcher matcher = wanted.matcher(screen.toString());
      if (matcher.find()) {
        screen.delete(0, matcher.end());
        return matcher;
      }
      long millis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
      if (hasEnded || millis <= 0) {
        throw new IOException(
            "the shell %s instead of '%s'; screen: %s %s"
                .formatted(
                    hasEnded ? "has ended" : "shows nothing",
                    wanted,
                    screen,
                    Files.readString(log)));
      }
      wait(millis);
    }
  }

  private void type() {
    String same = "";
    try {
      for (int number = 1; !stopping; number++) {
        String line = "n=$((n+1)); echo \"line $n of $$\" #" + number;
        long typed = System.nanoTime();
        enter(line);
        await(Pattern.compile(Pattern.quote(line)));
        double echo = (System.nanoTime() - typed) / 1e6;
        Matcher answer = await(ANSWER);
        if (Integer.parseInt(answer.group(1)) != number) {
          throw new IOException("line " + number + " was answered with " + answer.group());
        }
        if (!same.isEmpty() && !same.equals(answer.group(2))) {
          throw new IOException("the shell was " + same + " and is " + answer.group(2));
        }
        same = answer.group(2);
        await(PROMPT);
        count(echo);
        Thread.sleep(PACE);
      }
    } catch (Exception e) {
      failure = e;
      end();
    }
  }

  private void enter(String line) throws IOException {
    process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
    process.getOutputStream().flush();
  }

  private synchronized void count(double echo) {
    echoes.add(echo);
    lines++;
    notifyAll();
  }

  /** Waits until more lines have been typed and answered. */
  synchronized void awaitMore(int more) throws InterruptedException {
    int wanted = lines + more;
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (lines < wanted) {
      assertThat(failure).isNull();
      assertThat(System.nanoTime()).as("more than %d lines", lines).isLessThan(deadline);
      wait(1_000);
    }
  }

  synchronized int lines() {
    return lines;
  }

  /** From typing a line to seeing it, in milliseconds. */
  synchronized Distribution echoes() {
    return new Distribution(echoes);
  }

  /** Logs out: every line was answered, by the same shell. */
  void finish() throws Exception {
    stopping = true;
    typist.join();
    assertThat(failure).isNull();
    enter("exit");
    assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).as("it ends").isTrue();
    assertThat(process.exitValue()).as("its status: %s", Files.readString(log)).isZero();
  }

  @Override
  public void close() throws InterruptedException {
    var unused = process.destroyForcibly().waitFor();
  }
}
