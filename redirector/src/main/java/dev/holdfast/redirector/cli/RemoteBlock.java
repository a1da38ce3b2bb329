package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.config.ConfigException;
import dev.holdfast.redirector.config.ConfigReader;
import dev.holdfast.redirector.config.Problem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A {@code [[remote]]} of the config; also the answer of {@code cert trust --json}.
 *
 * @param schema "holdfast.remote/1"
 */
record RemoteBlock(
    String schema, String name, String endpoint, String fingerprint, List<String> addresses) {

  /** The config with the block would have mistakes; the message has a line for each. */
  static final class NotGood extends Exception {
    private static final long serialVersionUID = 1L;

    NotGood(String message) {
      super(message);
    }
  }

  static RemoteBlock of(String name, String endpoint, String fingerprint, List<String> addresses) {
    return new RemoteBlock("holdfast.remote/1", name, endpoint, fingerprint, addresses);
  }

  String toml() {
    return """
    [[remote]]
    name        = %s
    endpoint    = %s
    fingerprint = %s
    addresses   = [%s]
    """
        .formatted(
            quoted(name),
            quoted(endpoint),
            quoted(fingerprint),
            addresses.stream().map(RemoteBlock::quoted).collect(Collectors.joining(", ")));
  }

  /** Writes the config anew with the block at its end, in one step, if it is good then. */
  void appendTo(Path config) throws IOException, NotGood {
    Path real = config.toRealPath();
    String before = Files.readString(real);
    String separator = before.isEmpty() || before.endsWith("\n") ? "\n" : "\n\n";
    Path beside = Files.createTempFile(real.getParent(), real.getFileName() + ".", ".new");
    try {
      Files.writeString(beside, before + separator + toml());
      Files.setPosixFilePermissions(
          beside, Files.getPosixFilePermissions(real, LinkOption.NOFOLLOW_LINKS));
      ConfigReader.read(beside);
      Files.move(beside, real, StandardCopyOption.ATOMIC_MOVE);
    } catch (ConfigException e) {
      throw new NotGood(
          e.problems().stream()
              .map((Problem each) -> each.at(config.toString()))
              .collect(Collectors.joining("\n")));
    } finally {
      Files.deleteIfExists(beside);
    }
  }

  /**
   * A TOML basic string; control characters would need more, and no option can hold them sanely.
   */
  private static String quoted(String text) {
    return '"' + text.strip().replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }
}
