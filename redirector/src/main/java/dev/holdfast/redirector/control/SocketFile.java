package dev.holdfast.redirector.control;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The control socket's file: who may open it, and whose it is.
 *
 * <p>It is bound under another name, given its owner and mode, and then renamed: nobody can open it
 * before it is safe to open, and a stale file of a killed daemon is replaced in one step.
 */
final class SocketFile {
  private static final Logger log = LoggerFactory.getLogger(SocketFile.class);

  private static final String GROUP = "holdfast";
  private static final int LONGEST_PATH = 107; // sun_path of unix(7), without its final zero

  private final Path path;
  private final Path temporary;
  private @Nullable Object identity;

  SocketFile(Path path) {
    this.path = path.toAbsolutePath();
    this.temporary = Path.of(this.path + ".new");
  }

  /** Where to bind, after {@link #prepare}. */
  Path temporary() {
    return temporary;
  }

  /**
   * Makes the folder, and makes sure that nobody answers on the socket.
   *
   * @throws IOException with a sentence
   */
  void prepare() throws IOException {
    if (temporary.toString().getBytes(StandardCharsets.UTF_8).length > LONGEST_PATH) {
      throw new IOException(
          "The path of the control socket " + path + " is too long for a Unix socket.");
    }
    try {
      Path folder = Objects.requireNonNull(path.getParent());
      if (!Files.isDirectory(folder)) {
        Files.createDirectories(folder);
        own(folder, "rwxr-x---");
      }
      refuseWhatIsInUse();
      Files.deleteIfExists(temporary);
    } catch (AccessDeniedException e) {
      throw new IOException(
          "The control socket "
              + path
              + " cannot be made: no permission for "
              + e.getFile()
              + ". Run as root, or name another path in [daemon] control.",
          e);
    }
  }

  /** Opens the bound socket to those who may use it. */
  void publish() throws IOException {
    own(temporary, "rw-rw----");
    Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE);
    identity = identityNow();
  }

  /** Removes the file, unless another daemon has put its own there. */
  void remove() {
    try {
      Files.deleteIfExists(temporary);
      if (identity != null && Objects.equals(identity, identityNow())) {
        Files.delete(path);
      }
    } catch (IOException e) {
      log.warn("the control socket {} could not be removed", path, e);
    }
  }

  private void refuseWhatIsInUse() throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
        .isOther()) {
      throw new IOException(
          path + " exists and is not a socket; name another path in [daemon] control.");
    }
    try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      probe.connect(UnixDomainSocketAddress.of(path));
    } catch (IOException e) {
      log.info("replacing the stale control socket {}", path);
      return;
    }
    throw new IOException(
        "Another holdfast daemon answers on "
            + path
            + ". Stop it first, or name another path in [daemon] control.");
  }

  private @Nullable Object identityNow() throws IOException {
    return Files.exists(path, LinkOption.NOFOLLOW_LINKS)
        ? Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS).fileKey()
        : null;
  }

  private static void own(Path file, String mode) throws IOException {
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
    GroupPrincipal group;
    try {
      group =
          file.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByGroupName(GROUP);
    } catch (UserPrincipalNotFoundException e) {
      return; // then it is root's alone
    }
    PosixFileAttributeView view =
        Files.getFileAttributeView(file, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
    try {
      view.setGroup(group);
    } catch (IOException e) {
      log.warn("{} could not be given to the group {}: {}", file, GROUP, e.getMessage());
    }
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
